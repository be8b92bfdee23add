//! What every reader returns: class names and samples by split, checked once in one place.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::catalog::{Entry, entry};
use crate::{DatasetError, Label, Mark, Sample, Sizes};

/// Which part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// What classifiers are fitted on.
    Train,
    /// What the penalty is chosen on.
    Validation,
    /// What is read once per reported number.
    Test,
}

impl Split {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "train" => Ok(Self::Train),
            "val" | "valid" | "validation" => Ok(Self::Validation),
            "test" => Ok(Self::Test),
            other => Err(format!("no split is called `{other}`; there are train, validation and test")),
        }
    }
}

/// A dataset's classes and samples; splits that the folder has not are absent.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// What reports call it: its name in the catalog, or one that its user gave.
    pub name: String,
    catalog_name: String,
    /// Where it lies: the folder that its samples' names are below.
    pub root: PathBuf,
    /// Class names; a label is an index into them.
    pub classes: Vec<String>,
    /// Files that lie where pictures lie but have no picture's extension.
    pub ignored: usize,
    /// What is missing and what was done about it, for people; empty where nothing is.
    pub missing: Vec<String>,
    pub(crate) official: Option<Sizes>,
    pub(crate) lacks: Vec<Lack>,
    splits: [Option<Vec<Sample>>; 3],
    listed: [usize; 3],
    shared_root: Arc<Path>,
}

/// A list or folder that is not there.
#[derive(Debug, Clone)]
pub(crate) struct Lack {
    pub(crate) path: PathBuf,
    /// What follows from it.
    pub(crate) so: String,
}

/// How many pictures of a split there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Here, and used.
    pub used: usize,
    /// In the published dataset; what is here, where nothing is published.
    pub official: usize,
}

impl Dataset {
    pub(crate) fn new(name: &str, root: &Path, classes: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            catalog_name: name.to_owned(),
            root: root.to_path_buf(),
            classes,
            ignored: 0,
            missing: Vec::new(),
            official: None,
            lacks: Vec::new(),
            splits: [None, None, None],
            listed: [0; 3],
            shared_root: root.into(),
        }
    }

    /// A sample of the picture file `path` below the root.
    pub(crate) fn picture(&self, path: impl Into<PathBuf>, label: Label) -> Sample {
        Sample::file(&self.shared_root, path, label)
    }

    pub(crate) fn set(&mut self, split: Split, samples: Vec<Sample>) {
        self.listed[split as usize] = samples.len();
        self.splits[split as usize] = Some(samples);
    }

    /// Takes a split out.
    pub(crate) fn remove(&mut self, split: Split) -> Vec<Sample> {
        self.splits[split as usize].take().unwrap_or_default()
    }

    /// Replaces a split's samples by those of them that are here.
    pub(crate) fn keep(&mut self, split: Split, here: Vec<Sample>) {
        self.splits[split as usize] = Some(here);
    }

    /// Notes a missing list, and what follows from it.
    pub(crate) fn lack(&mut self, path: PathBuf, so: String) {
        self.lacks.push(Lack { path, so });
    }

    /// Pictures that no list divides: all are for training, and a share of them is judged on.
    pub(crate) fn take_unlisted(&mut self, samples: Vec<Sample>) {
        self.set(Split::Train, samples);
    }

    /// How many pictures official lists have for a split, here or not.
    pub fn listed(&self, split: Split) -> usize {
        self.listed[split as usize]
    }

    /// The catalog's row that it was read by, whatever it is called.
    ///
    /// # Errors
    /// When the catalog has no such row.
    pub fn entry(&self) -> Result<&'static Entry, DatasetError> {
        entry(&self.catalog_name)
    }

    /// The samples of a split, if the dataset has it.
    pub fn split(&self, split: Split) -> Option<&[Sample]> {
        self.splits[split as usize].as_deref()
    }

    /// How many pictures of a split are here, and how many there officially are; none where the dataset has no such split.
    pub fn counts(&self, split: Split) -> Option<Counts> {
        let used = self.split(split)?.len();
        let official = self.official.map_or(Some(used), |sizes| sizes.of(split)).unwrap_or(used);
        Some(Counts { used, official })
    }

    /// Leaves the named samples out of a split and says how many that were; what was there still counts as official.
    pub fn leave_out(&mut self, split: Split, is_out: impl Fn(&Sample) -> bool) -> usize {
        let size = |split| self.split(split).map(<[Sample]>::len);
        let (train, validation, test) = (size(Split::Train), size(Split::Validation), size(Split::Test));
        self.official.get_or_insert(Sizes { train: train.unwrap_or_default(), validation, test });
        let Some(samples) = &mut self.splits[split as usize] else {
            return 0;
        };
        let before = samples.len();
        samples.retain(|sample| !is_out(sample));
        before - samples.len()
    }

    /// How many samples each class has in a split; of several that a picture shows, each counts.
    pub fn count_by_class(&self, split: Split) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for sample in self.split(split).unwrap_or_default() {
            match &sample.label {
                Label::Class(class) => counts[*class] += 1,
                Label::Marks(marks) => {
                    counts.iter_mut().zip(&**marks).for_each(|(n, &m)| *n += usize::from(m == Mark::Present));
                }
            }
        }
        counts
    }
}
