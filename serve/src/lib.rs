//! The HTTP service: embeddings, image similarity search and classification by one encoder or several.
//!
//! In the order a request sees them: [`Config`] says what is served and within which limits; `http` understands the
//! request and shapes the answer; `fetching` brings pictures that were named by address; `models` says who answers; `embedder` decodes, prepares and embeds pictures, `batching`
//! runs many requests' pictures at once; `classifiers` and the collections of `simclr_search` answer from the embedding. [`App`] holds them
//! all, [`router`] serves an `App` without a socket, [`start`] with one. Knows no dataset and no training.

mod app;
mod background;
mod batching;
mod classifiers;
mod config;
mod embedder;
mod evaluations;
mod exchange;
mod fetching;
mod fitting;
mod http;
mod indexing;
mod keeping;
mod keys;
mod listening;
mod map;
mod memory;
mod metrics;
mod models;
mod preparing;
mod reembedding;
mod running;
mod sampling;
mod spans;
mod stores;
mod watching;

pub use app::{App, StartError};
pub use background::yield_to_others;
pub use classifiers::ClassifierError;
pub use config::{Config, ConfigError, ConfigErrors, Limits, RawConfig};
pub use evaluations::{Order, carry_out};
pub use exchange::{ExchangeError, Imported, export, import};
pub use http::{openapi, router};
pub use indexing::{IndexError, Indexed, Indexing, Told, index};
pub use keys::KeysError;
pub use listening::TlsError;
pub use memory::share_arenas;
pub use models::ModelError;
pub use reembedding::{ReembedError, Reembedded, Reembedding, reembed};
pub use running::{Running, Stopped, serve, start};
pub use stores::{Choice, collections_folder, milvus_address, open_store};
