//! What a row of the table of datasets says, and how a dataset is opened by its name. The rows are the readers'.

use std::fmt;
use std::path::Path;

use crate::locate::locate;
use crate::settle::settle;
use crate::{CATALOG, Dataset, DatasetError, Split};

/// How classifiers are judged on a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Share of test pictures whose most probable class is the right one.
    Top1,
    /// The same share for each class, averaged over classes.
    MeanPerClass,
    /// Average precision at eleven recalls, averaged over classes, as the PASCAL VOC2007 devkit has it.
    Map11,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top1 => f.write_str("top-1"),
            Self::MeanPerClass => f.write_str("mean per class"),
            Self::Map11 => f.write_str("11-point mAP"),
        }
    }
}

/// How many samples each split officially has; `None` where there is no such split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Training samples.
    pub train: usize,
    /// Validation samples.
    pub validation: Option<usize>,
    /// Test samples.
    pub test: Option<usize>,
}

impl Sizes {
    /// Of one split.
    pub fn of(&self, split: Split) -> Option<usize> {
        match split {
            Split::Train => Some(self.train),
            Split::Validation => self.validation,
            Split::Test => self.test,
        }
    }
}

/// One row of the catalog.
#[derive(Debug)]
pub struct Entry {
    /// The name commands use.
    pub name: &'static str,
    /// The name people use.
    pub title: &'static str,
    /// Official number of classes; `None` where the folder decides.
    pub classes: Option<usize>,
    /// Official sizes; `None` where the folder decides.
    pub sizes: Option<Sizes>,
    /// How it is judged.
    pub metric: Metric,
    /// Share of every class's training pictures that chooses the penalty, where no validation split is official.
    pub validation_share: f64,
    /// Fingerprint of that choice from the complete official list with seed 0, where it is known.
    pub validation_pin: Option<&'static str>,
    /// What lies where below the root.
    pub layout: &'static str,
    /// The official archives, for advice.
    pub archive: &'static str,
    /// Where, below the folder that people give, the dataset may lie.
    pub(crate) folders: &'static [&'static str],
    /// Files, and folders with a slash, of which the dataset has at least one and hardly another dataset any.
    pub(crate) signs: &'static [&'static str],
    pub(crate) read: fn(&Path, &str) -> Result<Dataset, DatasetError>,
}

/// The catalog's row of that name.
///
/// # Errors
/// When there is none; the message lists what there is.
pub fn entry(name: &str) -> Result<&'static Entry, DatasetError> {
    CATALOG.iter().find(|entry| entry.name == name).ok_or_else(|| DatasetError::Unknown {
        name: name.to_owned(),
        known: CATALOG.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", "),
    })
}

/// How to open a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenOptions {
    /// Whether pictures that official lists name may be missing; classes keep their places.
    pub partial: bool,
}

/// Lists the samples of the dataset called `name` that lies at `root`, which must be complete.
///
/// # Errors
/// As [`open_with`].
pub fn open(name: &str, root: &Path) -> Result<Dataset, DatasetError> {
    open_with(name, root, &OpenOptions::default())
}

/// Lists the samples of the dataset called `name` that lies at `root`.
///
/// # Errors
/// When the name is unknown, the folder is not laid out as the catalog says, annotations contradict each other or, unless
/// `options` allow it, pictures or lists are missing; the message says which file, what was expected and what to do.
pub fn open_with(name: &str, root: &Path, options: &OpenOptions) -> Result<Dataset, DatasetError> {
    let entry = entry(name)?;
    let mut dataset = (entry.read)(&locate(entry, root)?, entry.name)?;
    dataset.official = entry.sizes;
    settle(dataset, entry, options.partial)
}
