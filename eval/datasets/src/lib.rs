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
mod label;
mod sample;

pub use catalog::{CATALOG, Entry, Metric, OpenOptions, Sizes, entry, open, open_with};
pub use dataset::{Counts, Dataset, Split};
pub use error::DatasetError;
pub use label::{Label, Mark, class_labels};
pub use sample::Sample;
