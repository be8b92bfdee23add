//! What a run says while it goes on: one record every few steps, kept as JSON lines in the run's folder.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::TrainError;

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Epochs done, with their fraction.
    pub epoch: f64,
    /// Mean loss since the last record.
    pub loss: f64,
    /// The last step's learning rate.
    pub rate: f64,
    /// Pictures (not views) a second since the last record.
    pub pictures_per_second: f64,
}

/// Whoever shows records to a person or a program.
pub type Listener<'a> = &'a mut dyn FnMut(&Record);

/// Collects losses between records and over epochs.
pub(crate) struct Meter {
    /// Full epochs done.
    pub(crate) epochs_done: u64,
    /// Mean loss of the last of them.
    pub(crate) epoch_loss: Option<f64>,
    file: File,
    losses: Vec<f64>,
    epoch_losses: Vec<f64>,
    since: Instant,
    pictures: usize,
}

impl Meter {
    /// Appends to the run's `metrics.jsonl`.
    pub(crate) fn open(run: &Path, epochs_done: u64, epoch_loss: Option<f64>) -> Result<Self, TrainError> {
        let path = run.join("metrics.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(TrainError::io(path))?;
        Ok(Self {
            epochs_done,
            epoch_loss,
            file,
            losses: vec![],
            epoch_losses: vec![],
            since: Instant::now(),
            pictures: 0,
        })
    }

    pub(crate) fn add(&mut self, loss: f64, pictures: usize) {
        self.losses.push(loss);
        self.epoch_losses.push(loss);
        self.pictures += pictures;
    }

    /// Writes a record of everything added since the last one.
    pub(crate) fn record(
        &mut self,
        step: u64,
        steps: u64,
        steps_per_epoch: u64,
        rate: f64,
    ) -> Result<Record, TrainError> {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let record = Record {
            step,
            steps,
            epoch: step as f64 / steps_per_epoch as f64,
            loss: mean(&self.losses),
            rate,
            pictures_per_second: self.pictures as f64 / self.since.elapsed().as_secs_f64().max(1e-9),
        };
        let line = serde_json::to_string(&record).map_err(|e| TrainError::Recipe(e.to_string()))?;
        writeln!(self.file, "{line}").map_err(TrainError::io("metrics.jsonl"))?;
        self.losses.clear();
        if step.is_multiple_of(steps_per_epoch) {
            self.epochs_done += 1;
            self.epoch_loss = Some(mean(&self.epoch_losses));
            self.epoch_losses.clear();
        }
        (self.since, self.pictures) = (Instant::now(), 0);
        Ok(record)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}
