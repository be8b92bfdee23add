//! What came of a fine-tuning, as JSON and as a page.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use simclr_datasets::Metric;

use crate::TrainError;
use crate::run_folder::write_whole;

/// A choice's file for what came of it.
const TRIAL: &str = "trial.json";

/// One choice of rate and decay, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Learning rate for a batch of 256.
    pub rate: f64,
    /// Weight decay.
    pub decay: f64,
    /// The dataset's own metric on the validation pictures, in percent; none of a run that diverged.
    pub validation: Option<f64>,
}

impl Trial {
    /// What an earlier start kept in a choice's folder, if it came so far.
    pub(super) fn load(folder: &Path) -> Result<Option<Self>, TrainError> {
        let path = folder.join(TRIAL);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(TrainError::io(&path))?;
        let wrong =
            |error| TrainError::Checkpoint { path, reason: format!("{error}; remove it to judge again") };
        serde_json::from_str(&text).map(Some).map_err(wrong)
    }

    /// Keeps it in the choice's folder.
    pub(super) fn save(&self, folder: &Path) -> Result<(), TrainError> {
        write(&folder.join(TRIAL), &json(self)?)
    }
}

/// What came of a fine-tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The weights it began at.
    pub start: String,
    /// Share of the labels that was used.
    pub labels: f64,
    /// Pictures of the last run: training and validation.
    pub pictures: usize,
    /// Steps of the last run.
    pub steps: u64,
    /// What was tried; empty where there was nothing to choose.
    pub trials: Vec<Trial>,
    /// The rate chosen.
    pub rate: f64,
    /// The decay chosen.
    pub decay: f64,
    /// The dataset's name.
    pub data: String,
    /// Test pictures.
    pub test_pictures: usize,
    /// Top-1 on them, in percent.
    pub top_1: f64,
    /// What the dataset is judged by, such as `mean per class`.
    pub metric: String,
    /// That on them, in percent.
    pub score: f64,
}

impl Outcome {
    /// Writes `finetune.json` and `report.md`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&self, folder: &Path) -> Result<(), TrainError> {
        write(&folder.join("report.md"), &self.page())?;
        write(&folder.join("finetune.json"), &json(self)?)
    }

    /// A person's page.
    pub fn page(&self) -> String {
        let is_other = self.metric != Metric::Top1.to_string();
        let top_1 = if is_other { format!(" ({:.2} top-1)", self.top_1) } else { String::new() };
        let mut page = format!(
            "# {}, fine-tuned\n\nFrom {} on {} labelled pictures ({} % of the labels), {} steps: **{:.2}** {}{top_1} on \
             {} test pictures, in percent.\n\nRate {} for a batch of 256, weight decay {}",
            self.data,
            self.start,
            self.pictures,
            self.labels * 100.0,
            self.steps,
            self.score,
            self.metric,
            self.test_pictures,
            self.rate,
            self.decay
        );
        if self.trials.is_empty() {
            page.push_str(", given.\n");
            return page;
        }
        page.push_str(", chosen on validation pictures:\n\n| rate | decay | validation |\n|---|---|---|\n");
        for trial in &self.trials {
            let validation = trial.validation.map_or("diverged".to_owned(), |score| format!("{score:.2}"));
            let _ = writeln!(page, "| {} | {} | {validation} |", trial.rate, trial.decay);
        }
        page
    }
}

fn json(value: &impl Serialize) -> Result<String, TrainError> {
    serde_json::to_string_pretty(value).map_err(|error| TrainError::Recipe(error.to_string()))
}

fn write(path: &Path, text: &str) -> Result<(), TrainError> {
    write_whole(path, text.as_bytes()).map_err(TrainError::io(path))
}
