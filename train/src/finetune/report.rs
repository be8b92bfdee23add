//! What came of a fine-tuning, as JSON and as a page.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// One choice of rate and decay, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Learning rate for a batch of 256.
    pub rate: f64,
    /// Weight decay.
    pub decay: f64,
    /// Top-1 on the validation pictures, in percent.
    pub validation: f64,
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
}

impl Outcome {
    /// Writes `finetune.json` and `report.md`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&self, folder: &Path) -> Result<(), TrainError> {
        let json =
            serde_json::to_string_pretty(self).map_err(|error| TrainError::Recipe(error.to_string()))?;
        for (name, text) in [("finetune.json", json), ("report.md", self.page())] {
            let path = folder.join(name);
            fs::write(&path, text).map_err(TrainError::io(path))?;
        }
        Ok(())
    }

    /// A person's page.
    pub fn page(&self) -> String {
        let mut page = format!(
            "# {}, fine-tuned\n\nFrom {} on {} labelled pictures ({} % of the labels), {} steps: **{:.2}** top-1 on \
             {} test pictures, in percent.\n\nRate {} for a batch of 256, weight decay {}",
            self.data,
            self.start,
            self.pictures,
            self.labels * 100.0,
            self.steps,
            self.top_1,
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
            let _ = writeln!(page, "| {} | {} | {:.2} |", trial.rate, trial.decay, trial.validation);
        }
        page
    }
}
