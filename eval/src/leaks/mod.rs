//! Which test pictures are, exactly or nearly, among the training pictures.
//!
//! Training sets and test sets go in; [`Leaks`] come out, for people ([`Leaks::page`], with the pictures side by side)
//! and for `run --exclude-leaks`. Candidates are the nearest embeddings and the nearest hashes; each is then compared
//! as a picture, so that an encoder's idea of likeness decides nothing. Refuses to know what a label means.

mod align;
mod look;
mod page;
mod print;
mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use simclr_datasets::{Dataset, Split};
use simclr_models::Limits;

use crate::{EvalError, Source, Watch};
use look::{Gallery, classes, look};
use search::Seen;

/// What the file begins with, so that another is not taken for it.
const FORMAT: &str = "simclr-leaks-1";

/// How hard to look and what counts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Similarity from which two pictures count as one, at most 1. On CIFAR-10 nearly all pairs above 0.8 are the same
    /// photograph, and below 0.7 about half are: see docs/RESULTS.md.
    pub above: f32,
    /// Nearest training embeddings that are compared with each test picture.
    pub neighbours: usize,
    /// What a picture may cost.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { above: 0.8, neighbours: 5, limits: Limits::default() }
    }
}

/// What was found, for all test sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leaks {
    /// Always `simclr-leaks-1`.
    pub format: String,
    /// The encoder that proposed candidates.
    pub encoder: String,
    /// The space of its embeddings.
    pub space_key: String,
    /// Similarity from which pictures counted as one.
    pub above: f32,
    /// Where copies were looked for.
    pub train: Vec<Looked>,
    /// What was looked for, and what was found.
    pub tests: Vec<TestLeaks>,
}

/// A set of pictures that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    /// The dataset's name.
    pub dataset: String,
    /// Its splits, joined by `+`.
    pub splits: String,
    /// Pictures that could be read.
    pub pictures: usize,
    /// Names of those that could not.
    pub broken: Vec<String>,
}

/// One test set's leaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestLeaks {
    /// The set.
    pub looked: Looked,
    /// Test pictures that are among the training pictures, in the test set's order.
    pub leaks: Vec<Leak>,
}

/// A test picture and the training picture most like it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// The test picture's name.
    pub test: String,
    /// What it is labelled.
    pub test_classes: Vec<String>,
    /// The training picture's dataset.
    pub train_dataset: String,
    /// The training picture's name.
    pub train: String,
    /// What that is labelled.
    pub train_classes: Vec<String>,
    /// Whether every pixel is equal.
    pub is_exact: bool,
    /// Correlation of the contours, best over shifts, cut-outs and mirroring.
    pub similarity: f32,
    /// Cosine of the embeddings, the training mean subtracted.
    pub cosine: f32,
    /// In how many of 56 bits the hashes of the shades differ.
    pub hash_bits: u32,
}

/// Looks for each test set's pictures among all training sets' pictures.
///
/// Of a training set the training and validation pictures count, of a test set the test pictures, or, where it has none,
/// the validation pictures. Pictures that cannot be read are named and left out.
///
/// # Errors
/// When a set has no such split or no readable picture, or the encoder fails.
pub fn find_leaks(
    source: &mut Source,
    train: &[Dataset],
    tests: &[Dataset],
    options: &Options,
    watch: &mut dyn Watch,
) -> Result<Leaks, EvalError> {
    let galleries = train.iter().map(|dataset| {
        let test_is_apart = dataset.split(Split::Test).is_some();
        let is_known = |&s: &Split| s == Split::Train || s == Split::Validation && test_is_apart;
        look(source, dataset, Split::ALL.into_iter().filter(is_known).collect(), options, watch)
    });
    let known = galleries.collect::<Result<Vec<_>, _>>()?;
    let mut all = Seen { prints: vec![], embeddings: vec![], embedding_len: source.encoders.embedding_len() };
    for gallery in &known {
        all.prints.extend(gallery.seen.prints.iter().cloned());
        all.embeddings.extend(&gallery.seen.embeddings);
    }
    let owners: Vec<(usize, usize)> = known
        .iter()
        .enumerate()
        .flat_map(|(g, gallery)| (0..gallery.samples.len()).map(move |i| (g, i)))
        .collect();
    let mut found = Vec::new();
    for dataset in tests {
        let split = if dataset.split(Split::Test).is_some() { Split::Test } else { Split::Validation };
        let test = look(source, dataset, vec![split], options, watch)?;
        watch.begin(&format!("{}: compare", dataset.name), test.samples.len());
        let matches = search::find(&all, &test.seen, options, &mut |n| watch.done(n))?;
        let leak = |m: search::Match| {
            let (gallery, index) = owners[m.train];
            leak(&m, &test, &known[gallery], index)
        };
        found.push(TestLeaks { leaks: matches.into_iter().map(leak).collect(), looked: test.looked });
    }
    Ok(Leaks {
        format: FORMAT.to_owned(),
        encoder: source.name.clone(),
        space_key: source.space_key.clone(),
        above: options.above,
        train: known.into_iter().map(|gallery| gallery.looked).collect(),
        tests: found,
    })
}

fn leak(found: &search::Match, test: &Gallery<'_>, train: &Gallery<'_>, index: usize) -> Leak {
    let rounded = |x: f32| (x * 1e4).round() / 1e4;
    let (left, right) = (test.samples[found.test], train.samples[index]);
    Leak {
        test: left.name(),
        test_classes: classes(test.dataset, left),
        train_dataset: train.dataset.name.clone(),
        train: right.name(),
        train_classes: classes(train.dataset, right),
        is_exact: found.is_exact,
        similarity: rounded(found.similarity),
        cosine: rounded(found.cosine),
        hash_bits: found.hash_bits,
    }
}

impl Leaks {
    /// Reads a `leaks.json`.
    ///
    /// # Errors
    /// When it cannot be read or is another file.
    pub fn load(path: &Path) -> Result<Self, EvalError> {
        let wrong = |reason: String| EvalError::Io {
            path: path.to_path_buf(),
            source: std::io::Error::other(reason),
        };
        let text = std::fs::read_to_string(path).map_err(EvalError::io(path))?;
        let leaks: Self = serde_json::from_str(&text)
            .map_err(|e| wrong(format!("not a file of `simclr-eval leaks`: {e}")))?;
        if leaks.format == FORMAT {
            Ok(leaks)
        } else {
            Err(wrong(format!("not {FORMAT}, but {}", leaks.format)))
        }
    }

    /// Leaves out of a dataset the test pictures that were found, and says how many.
    ///
    /// # Errors
    /// When the dataset was not searched, or others of its pictures were.
    pub fn exclude(&self, dataset: &mut Dataset) -> Result<usize, EvalError> {
        let name = dataset.name.clone();
        let searched: Vec<&TestLeaks> = self.tests.iter().filter(|t| t.looked.dataset == name).collect();
        let refuse = |problem: String| EvalError::TooFew(format!("leaks of {name}: {problem}"));
        if searched.is_empty() {
            let names: Vec<&str> = self.tests.iter().map(|t| t.looked.dataset.as_str()).collect();
            return Err(refuse(format!("it was not searched, but {}; search it too", names.join(", "))));
        }
        let names: BTreeSet<&str> =
            searched.iter().flat_map(|test| &test.leaks).map(|leak| leak.test.as_str()).collect();
        let split = if dataset.split(Split::Test).is_some() { Split::Test } else { Split::Validation };
        let left_out = dataset.leave_out(split, |sample| names.contains(sample.name().as_str()));
        if left_out == names.len() {
            return Ok(left_out);
        }
        Err(refuse(format!("of {} pictures {left_out} are here: search this folder", names.len())))
    }
}
