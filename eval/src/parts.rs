//! Which samples are fitted on, which choose the penalty, which are read once; and what to call the last.
//!
//! A dataset's own splits are used where it has them. Without a test split its validation split is judged on; with
//! neither, a share of train is set aside. What is set aside is chosen by [`set_aside`], from the samples' names alone.

use std::collections::BTreeSet;

use simclr_datasets::{Dataset, Label, Mark, Sample, Split, set_aside, share_of};

use crate::EvalError;

/// Share of train that is judged on where the dataset has no other split.
const TEST_SHARE: f64 = 0.2;

/// The samples of one evaluation.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Fitted on, in the end: train and validation.
    pub known: Vec<Sample>,
    /// Rows of `known` that are fitted on while the penalty is chosen.
    pub train: Vec<usize>,
    /// Rows of `known` that choose it.
    pub validation: Vec<usize>,
    /// Judged on.
    pub test: Vec<Sample>,
    /// What the judged samples are called in reports.
    pub test_name: String,
}

impl Parts {
    /// Divides a dataset.
    ///
    /// # Errors
    /// When no class has pictures enough for every part.
    pub fn of(dataset: &Dataset, seed: u64) -> Result<Self, EvalError> {
        let samples = |split| dataset.split(split).map(<[Sample]>::to_vec);
        let all = samples(Split::Train).unwrap_or_default();
        let (mut known, official, test, test_name) = match (samples(Split::Validation), samples(Split::Test))
        {
            (validation, Some(test)) => (all, validation, test, Split::Test.to_string()),
            (Some(validation), None) => (all, None, validation, Split::Validation.to_string()),
            (None, None) => {
                let (kept, aside) = set_aside(&all, "test", seed, |count| share_of(count, TEST_SHARE));
                let pick = |rows: &[usize]| rows.iter().map(|&i| all[i].clone()).collect::<Vec<_>>();
                (pick(&kept), None, pick(&aside), format!("20 % of train (seed {seed})"))
            }
        };
        let (train, validation) = match official {
            Some(official) => {
                let train = known.len();
                known.extend(official);
                ((0..train).collect(), (train..known.len()).collect())
            }
            None => {
                let share = dataset.entry()?.validation_share;
                set_aside(&known, "validation", seed, |count| share_of(count, share))
            }
        };
        Self { known, train, validation, test, test_name }.judged(&dataset.name)
    }

    /// The same without the pictures that could not be read: `known` and `test` are the places of those that could.
    ///
    /// # Errors
    /// When a part has none left.
    pub(crate) fn without_broken(self, known: &[usize], test: &[usize]) -> Result<Self, EvalError> {
        let rows = |rows: &[usize]| rows.iter().filter_map(|row| known.binary_search(row).ok()).collect();
        let samples = |all: &[Sample], places: &[usize]| places.iter().map(|&i| all[i].clone()).collect();
        let parts = Self {
            train: rows(&self.train),
            validation: rows(&self.validation),
            known: samples(&self.known, known),
            test: samples(&self.test, test),
            test_name: self.test_name,
        };
        parts.judged("what can be read")
    }

    /// Itself, if there are two classes to tell apart and something in every part.
    fn judged(self, name: &str) -> Result<Self, EvalError> {
        let (t, v, s) = (self.train.len(), self.validation.len(), self.test.len());
        let classes = shown(self.train.iter().map(|&row| &self.known[row]));
        if classes < 2 || t == 0 || v == 0 || s == 0 {
            return Err(EvalError::TooFew(format!(
                "{name}: {classes} classes with {t} training, {v} validation and {s} test pictures cannot be judged; \
                 give at least two classes of at least three pictures",
            )));
        }
        Ok(self)
    }
}

/// How many classes some pictures show.
fn shown<'a>(samples: impl Iterator<Item = &'a Sample>) -> usize {
    let mut shown = BTreeSet::new();
    for sample in samples {
        match &sample.label {
            Label::Class(class) => {
                shown.insert(*class);
            }
            Label::Marks(marks) => {
                let present = marks.iter().enumerate().filter(|(_, mark)| **mark == Mark::Present);
                shown.extend(present.map(|(class, _)| class));
            }
        }
    }
    shown.len()
}
