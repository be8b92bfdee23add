//! Labelled pictures on disk.
//!
//! A folder goes in; a [`Dataset`] comes out: class names and, for each [`Split`], a list of [`Sample`]s. A reader only
//! lists samples: no picture file is opened until [`Sample::load`], and nothing is ever downloaded. What exists is one
//! table, [`CATALOG`]; a new dataset is one reader file and one row. Knows nothing of encoders, probes or training.

mod catalog;
mod cifar;
mod dataset;
mod error;
mod folder;
mod sample;

pub use catalog::{CATALOG, Entry, Metric, Sizes, entry, open};
pub use dataset::{Dataset, Split};
pub use error::DatasetError;
pub use sample::Sample;
