//! What one encoder got on one dataset, as the files that reports and comparisons read.
//!
//! Below `<out>/<encoder>/<dataset>/`: `predictions.safetensors`, `samples.txt` and, written last, `outcome.json`: where it
//! lies, the pair is finished. They hold no times and no paths of the machine, so that two runs of one command give the
//! same bytes. The probe lies beside all of an encoder's others in `<out>/<encoder>/classifiers/`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use simclr_datasets::{Dataset, Sample, Split};

use crate::{EvalError, Predictions, Probe, ProbeRecord, Score, Storage};

const OUTCOME: &str = "outcome.json";
const PREDICTIONS: &str = "predictions.safetensors";
const SAMPLES: &str = "samples.txt";
/// The folder of an encoder's probes: the server loads it whole.
pub const CLASSIFIERS: &str = "classifiers";

/// What one encoder got on one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was judged, and how, as one hash: an outcome of another is not this one's.
    pub fingerprint: String,
    /// The encoder's name.
    pub encoder: String,
    /// Which space its embeddings live in.
    pub space_key: String,
    /// The dataset's name.
    pub dataset: String,
    /// Class names; predictions are indices into them.
    pub classes: Vec<String>,
    /// What the judged pictures are called.
    pub split_name: String,
    /// How many pictures were used of how many.
    pub pictures: Counts,
    /// The numbers.
    pub scores: Vec<Score>,
    /// How the linear probe came about, where one was fitted.
    pub probe: Option<ProbeRecord>,
    /// Pictures that could not be read and were left out.
    pub broken: Vec<Broken>,
}

/// Pictures by split; `None` where the dataset has no such split.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Training pictures.
    pub train: Option<Count>,
    /// Validation pictures.
    pub validation: Option<Count>,
    /// Test pictures.
    pub test: Option<Count>,
}

/// How many pictures of a split were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Read and used.
    pub used: usize,
    /// In the dataset as published; what is there, where nothing is published.
    pub official: usize,
}

impl Counts {
    /// What a dataset holds, less what is broken.
    pub fn of(dataset: &Dataset, broken: &[Broken]) -> Self {
        let broken: HashSet<&str> = broken.iter().map(|b| b.name.as_str()).collect();
        let count = |split| {
            let here = dataset.counts(split)?;
            let is_broken = |sample: &&Sample| broken.contains(sample.name().as_str());
            let lost =
                if broken.is_empty() { 0 } else { dataset.split(split)?.iter().filter(is_broken).count() };
            Some(Count { used: here.used - lost, official: here.official })
        };
        Self { train: count(Split::Train), validation: count(Split::Validation), test: count(Split::Test) }
    }
}

/// A picture that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The sample's name.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A finished evaluation: its numbers, what they were computed from, and the probe.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The numbers and what they are about.
    pub outcome: Outcome,
    /// What was predicted for every judged picture.
    pub predictions: Predictions,
    /// Names of the judged pictures, in the predictions' order.
    pub samples: Vec<String>,
    /// The fitted probe, where one was asked for.
    pub probe: Option<Probe>,
}

impl Evaluation {
    /// Writes everything below `out`; `outcome.json` last.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn save(&self, out: &Storage) -> Result<(), EvalError> {
        let Outcome { encoder, dataset, .. } = &self.outcome;
        let encoder = out.under(&folder_name(encoder));
        if let Some(probe) = &self.probe {
            encoder.under(CLASSIFIERS).write(&format!("{dataset}.safetensors"), &probe.to_bytes()?)?;
        }
        let folder = encoder.under(dataset);
        folder.write(PREDICTIONS, &self.predictions.to_bytes()?)?;
        folder.write(SAMPLES, (self.samples.join("\n") + "\n").as_bytes())?;
        let json = serde_json::to_string_pretty(&self.outcome)
            .map_err(|e| EvalError::result(&folder, OUTCOME, &e))?;
        folder.write(OUTCOME, (json + "\n").as_bytes())
    }
}

impl Outcome {
    /// The outcome in `folder`, if its pair is finished.
    ///
    /// # Errors
    /// When the file is there but cannot be read or is not an outcome.
    pub fn load(folder: &Storage) -> Result<Option<Self>, EvalError> {
        let Some(bytes) = folder.read(OUTCOME)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| EvalError::result(folder, OUTCOME, &e))
    }

    /// Every outcome below `out`, sorted by encoder and dataset, each with the folder that holds its other files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn load_all(out: &Storage) -> Result<Vec<(Storage, Self)>, EvalError> {
        let mut all = Vec::new();
        for name in out.list()? {
            let folder = match name.rsplit_once('/') {
                Some((folder, OUTCOME)) => out.under(folder),
                None if name == OUTCOME => out.clone(),
                _ => continue,
            };
            if let Some(outcome) = Self::load(&folder)? {
                all.push((folder, outcome));
            }
        }
        all.sort_by(|(_, a), (_, b)| (&a.encoder, &a.dataset).cmp(&(&b.encoder, &b.dataset)));
        Ok(all)
    }

    /// Names of the judged pictures in an outcome's folder, in the predictions' order.
    ///
    /// # Errors
    /// When they are not there or cannot be read.
    pub fn load_samples(folder: &Storage) -> Result<Vec<String>, EvalError> {
        let bytes = folder.read(SAMPLES)?.ok_or_else(|| EvalError::result(folder, SAMPLES, &"is missing"))?;
        let text = String::from_utf8(bytes).map_err(|e| EvalError::result(folder, SAMPLES, &e))?;
        Ok(text.lines().map(ToOwned::to_owned).collect())
    }

    /// What was predicted, from an outcome's folder.
    ///
    /// # Errors
    /// When the file is not there or is not as it was written.
    pub fn load_predictions(folder: &Storage) -> Result<Predictions, EvalError> {
        let refuse = |problem: &dyn std::fmt::Display| EvalError::result(folder, PREDICTIONS, problem);
        let bytes = folder.read(PREDICTIONS)?.ok_or_else(|| refuse(&"is missing"))?;
        Predictions::from_bytes(&bytes).map_err(|problem| refuse(&problem))
    }
}

/// An encoder's name as a folder's: what a path cannot hold becomes `-`.
pub fn folder_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-=,".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    if name.starts_with('.') || name.is_empty() { format!("-{name}") } else { name }
}
