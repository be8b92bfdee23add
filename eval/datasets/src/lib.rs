//! Labelled pictures on disk.
//!
//! A folder goes in; a [`Dataset`] comes out: class names and, for each [`Split`], a list of [`Sample`]s. A reader only
//! lists samples: no picture file is opened until [`Sample::load`], and nothing is ever downloaded. What exists is one
//! table, [`CATALOG`]; a new dataset is one reader file and one row. Knows nothing of encoders, probes or training.

mod catalog;
mod check;
mod dataset;
mod error;
mod files;
mod label;
mod lists;
mod locate;
mod matlab;
mod pickle;
mod readers;
mod sample;
mod selection;
mod settle;

pub use catalog::{Entry, Metric, OpenOptions, Sizes, entry, open, open_with};
pub use check::{Check, SplitCheck, check, validation_fingerprint};
pub use dataset::{Counts, Dataset, Split};
pub use error::DatasetError;
pub use label::{Label, Mark, class_labels};
pub use locate::recognise;
pub use readers::CATALOG;
pub use sample::Sample;
pub use selection::{fingerprint, set_aside, share_of};
