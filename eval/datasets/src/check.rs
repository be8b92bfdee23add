//! A folder against the catalog: what is here, what is missing, what is too much, and what to do about it.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use crate::files::pictures_below;
use crate::{
    Dataset, DatasetError, OpenOptions, Sample, Split, entry, fingerprint, open_with, set_aside, share_of,
};

/// Folders in folders that pictures lie in.
const DEPTH: usize = 6;

/// One split of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitCheck {
    /// Which.
    pub split: Split,
    /// Pictures that are here and used.
    pub used: usize,
    /// Pictures that the folder's lists name.
    pub listed: usize,
    /// Pictures of the published split, where there is one.
    pub official: Option<usize>,
}

/// What a folder is, compared with the catalog.
#[derive(Debug)]
pub struct Check {
    /// What of it can be used.
    pub dataset: Dataset,
    /// Classes with at least one picture.
    pub classes_here: usize,
    /// Official number of classes.
    pub classes_official: Option<usize>,
    /// Every split, official or here.
    pub splits: Vec<SplitCheck>,
    /// Why it cannot be opened as complete; none, where it can.
    pub problem: Option<String>,
    /// How its sizes differ from the official ones though nothing that it lists is missing.
    pub differences: Vec<String>,
    /// Names of pictures that are here and in no split.
    pub extra: Vec<String>,
    /// Whether the validation split by rule is the pinned one; none, where there is no pin or not all of train is here.
    pub is_validation_as_pinned: Option<bool>,
}

impl Check {
    /// Whether everything official is here, and nothing contradicts it.
    pub fn is_complete(&self) -> bool {
        self.problem.is_none() && self.differences.is_empty()
    }
}

/// Compares the folder `root` with the catalog's row `name`.
///
/// # Errors
/// When it is not that dataset at all, or annotations contradict each other.
pub fn check(name: &str, root: &Path) -> Result<Check, DatasetError> {
    let entry = entry(name)?;
    let (dataset, problem) = match open_with(name, root, &OpenOptions::default()) {
        Ok(dataset) => (dataset, None),
        Err(error) => (open_with(name, root, &OpenOptions { partial: true })?, Some(error.to_string())),
    };
    let official = |split| entry.sizes.and_then(|sizes| sizes.of(split));
    let splits: Vec<SplitCheck> = Split::ALL
        .into_iter()
        .filter(|&split| dataset.split(split).is_some() || official(split).is_some())
        .map(|split| SplitCheck {
            split,
            used: dataset.split(split).map_or(0, <[Sample]>::len),
            listed: dataset.listed(split),
            official: official(split),
        })
        .collect();
    let differ = |s: &&SplitCheck| s.official.is_some_and(|official| official != s.listed);
    let difference = |s: &SplitCheck| {
        format!(
            "{}: {} pictures are listed, officially {}",
            s.split,
            s.listed,
            s.official.unwrap_or_default()
        )
    };
    Ok(Check {
        classes_here: classes_here(&dataset),
        classes_official: entry.classes,
        differences: splits.iter().filter(differ).map(difference).collect(),
        extra: if entry.signs.is_empty() { vec![] } else { extra(&dataset)? },
        is_validation_as_pinned: entry
            .validation_pin
            .and_then(|pin| as_pinned(&dataset, entry.validation_share, pin)),
        splits,
        problem,
        dataset,
    })
}

fn classes_here(dataset: &Dataset) -> usize {
    let counts = Split::ALL.map(|split| dataset.count_by_class(split));
    (0..dataset.classes.len()).filter(|&class| counts.iter().any(|counts| counts[class] > 0)).count()
}

/// Pictures in the folders of the dataset's pictures that are in no split.
fn extra(dataset: &Dataset) -> Result<Vec<String>, DatasetError> {
    let samples = Split::ALL.into_iter().flat_map(|split| dataset.split(split).unwrap_or_default());
    let known: HashSet<String> = samples.map(Sample::name).collect();
    let folders: BTreeSet<&str> = known.iter().filter_map(|name| Some(name.split_once('/')?.0)).collect();
    let mut extra = Vec::new();
    for folder in folders {
        for path in pictures_below(&dataset.root, &dataset.root.join(folder), DEPTH)? {
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            let name = parts.join("/");
            if !known.contains(&name) {
                extra.push(name);
            }
        }
    }
    Ok(extra)
}

fn as_pinned(dataset: &Dataset, share: f64, pin: &str) -> Option<bool> {
    let train = dataset.split(Split::Train).filter(|train| train.len() == dataset.listed(Split::Train))?;
    Some(validation_fingerprint(train, share) == pin)
}

/// Fingerprint of the validation split that the rule makes of training samples with seed 0.
pub fn validation_fingerprint(train: &[Sample], share: f64) -> String {
    let (_, aside) = set_aside(train, "validation", 0, |count| share_of(count, share));
    fingerprint(aside.iter().map(|&row| &train[row]))
}
