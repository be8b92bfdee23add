//! Durable collections of vectors with exact and approximate search.
//!
//! In come records (an id, a vector, a JSON payload); out come the nearest ones to a query, by cosine. The crate
//! knows no HTTP and no encoder: a vector is numbers, and the space it lives in is a `space_key` somebody else chose.
//!
//! Two kinds of state, never mixed up:
//! - the **truth** (`store`): one transactional file per collection; a write is acknowledged once it is synced;
//! - **caches**: `index` holds what is fresh in memory, `segment` what was sealed, each in a file with its graph. Every
//!   one can be deleted and is made again from the truth, so losing one costs time and never a record.
//!
//! Start reading in `collection`.

mod asking;
mod background;
mod builder;
mod chunked;
mod collection;
mod collections;
mod commit;
mod config;
mod content;
mod distance;
mod error;
mod filter;
mod folder;
mod grouping;
mod index;
mod large_pages;
mod limits;
mod loading;
#[cfg(feature = "milvus")]
mod milvus;
mod pictures;
mod record;
mod segment;
mod shared;
mod statistics;
mod store;
mod syncing;
mod vector_store;
mod verify;

pub use collection::Collection;
pub use collections::{Collections, Problem};
pub use config::{CollectionConfig, Dtype, Keep};
pub use content::{ContentHash, NoContentHash};
pub use distance::Kernel;
pub use error::SearchError;
pub use filter::Filter;
pub use limits::Limits;
#[cfg(feature = "milvus")]
pub use milvus::MilvusStore;
pub use pictures::{PictureKind, Pictured};
pub use record::{Duplicate, Neighbour, Query, Record, Upserted};
pub use statistics::Statistics;
pub use vector_store::{VectorCollection, VectorStore};
pub use verify::{Recall, Verified};
