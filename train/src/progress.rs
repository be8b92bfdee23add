//! What a run says while it goes on: one record every few steps and one a look of the monitor, kept as JSON lines, as
//! TensorBoard events and as a drawing in the run's folder.

mod chart;
mod tensorboard;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::monitor::Look;
use crate::run_folder::{RunFolder, write_whole};
pub(crate) use chart::draw;
use tensorboard::Events;

/// One line of `metrics.jsonl`, told apart by its field `kind`; of earlier versions, lines without one are `step`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// How training goes.
    Step(Record),
    /// What the monitor found.
    Monitor(Monitored),
    /// A streamed picture that could not be read.
    Broken(Unread),
}

/// How training goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Pictures (not views) a second since the last record, without looks and checkpoints.
    pub pictures_per_second: f64,
    /// Share of that time in which the step waited for its views.
    #[serde(default)]
    pub waiting: f64,
}

/// What the monitor found, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Monitored {
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Epochs done.
    pub epoch: f64,
    /// What was found.
    #[serde(flatten)]
    pub look: Look,
}

/// A streamed picture that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unread {
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Its name and what is wrong with it.
    pub picture: String,
}

/// Whoever shows lines to a person or a program.
pub type Listener<'a> = &'a mut dyn FnMut(&Line);

/// Where a run's lines are kept.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    events: Events,
}

impl Journal {
    /// Opens the run's `metrics.jsonl` and cuts it back to `step`: what a killed run wrote after its last checkpoint will be
    /// written again.
    pub(crate) fn open(run: &RunFolder, step: u64) -> Result<Self, TrainError> {
        let path = run.file("metrics.jsonl");
        if path.exists() {
            let text = std::fs::read(&path).map_err(TrainError::io(&path))?;
            let text = String::from_utf8_lossy(&text);
            let kept: String = text.split_inclusive('\n').filter(|line| is_by(line, step)).collect();
            if kept != text {
                write_whole(&path, kept.as_bytes()).map_err(TrainError::io(&path))?;
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(TrainError::io(&path))?;
        Ok(Self { path, file, events: Events::begin(run, step)? })
    }

    /// Appends a line, to the event file too.
    pub(crate) fn write(&mut self, line: &Line) -> Result<(), TrainError> {
        let mut text = serde_json::to_string(line).map_err(|e| TrainError::Recipe(e.to_string()))?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(TrainError::io(&self.path))?;
        self.events.line(line)
    }
}

/// Whether a line is whole and of a step up to `step`.
fn is_by(line: &str, step: u64) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_str(line).ok();
    let of = value.and_then(|value| value["step"].as_u64());
    line.ends_with('\n') && of.is_some_and(|of| of <= step)
}

/// Collects losses between records and over epochs.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Full epochs done.
    pub(crate) epochs_done: u64,
    /// Mean loss of the last of them.
    pub(crate) epoch_loss: Option<f64>,
    /// Sum and number of the losses of the epoch that is not full yet.
    pub(crate) epoch_so_far: (f64, u64),
    losses: Vec<f64>,
    since: Instant,
    pictures: usize,
}

impl Meter {
    pub(crate) fn new(epochs_done: u64, epoch_loss: Option<f64>, epoch_so_far: (f64, u64)) -> Self {
        Self { epochs_done, epoch_loss, epoch_so_far, losses: vec![], since: Instant::now(), pictures: 0 }
    }

    pub(crate) fn add(&mut self, loss: f64, pictures: usize) {
        self.losses.push(loss);
        self.epoch_so_far = (self.epoch_so_far.0 + loss, self.epoch_so_far.1 + 1);
        self.pictures += pictures;
    }

    /// Takes the next record's time from now on: what was done since the last one is no step.
    pub(crate) fn start_anew(&mut self) {
        self.since = Instant::now();
    }

    /// A record of everything added since the last one.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn record(
        &mut self,
        (step, steps, steps_per_epoch): (u64, u64, u64),
        rate: f64,
        waited: Duration,
    ) -> Record {
        let seconds = self.since.elapsed().as_secs_f64().max(1e-9);
        let record = Record {
            step,
            steps,
            epoch: step as f64 / steps_per_epoch as f64,
            loss: self.losses.iter().sum::<f64>() / self.losses.len().max(1) as f64,
            rate,
            pictures_per_second: self.pictures as f64 / seconds,
            waiting: (waited.as_secs_f64() / seconds).min(1.0),
        };
        self.losses.clear();
        if step.is_multiple_of(steps_per_epoch) {
            let (sum, count) = std::mem::take(&mut self.epoch_so_far);
            self.epochs_done += 1;
            self.epoch_loss = Some(sum / count.max(1) as f64);
        }
        (self.since, self.pictures) = (Instant::now(), 0);
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_cut_back_to_the_checkpoints_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let line = |step: u64| format!("{{\"step\":{step},\"loss\":1.0}}\n");
        let text = [line(10), line(20), line(25), line(30)].concat();
        std::fs::write(&path, format!("{text}{{\"step\":1,\"lo")).unwrap();
        let mut journal = Journal::open(&RunFolder::new(folder.path()), 20).unwrap();
        let unread = Unread { step: 21, steps: 30, picture: "x".into() };
        journal.write(&Line::Broken(unread)).unwrap();
        let expected = format!("{}{}", line(10), line(20))
            + "{\"kind\":\"broken\",\"step\":21,\"steps\":30,\"picture\":\"x\"}\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "the journal and the events");
    }

    #[test]
    fn an_epochs_loss_is_the_mean_of_all_its_steps_also_when_resumed_within() {
        let mut meter = Meter::new(0, None, (0.0, 0));
        meter.add(1.0, 4);
        let _ = meter.record((1, 6, 3), 0.1, Duration::ZERO);
        let mut resumed = Meter::new(meter.epochs_done, meter.epoch_loss, meter.epoch_so_far);
        resumed.add(2.0, 4);
        resumed.add(6.0, 4);
        let record = resumed.record((3, 6, 3), 0.1, Duration::from_secs(3600));
        assert_eq!((record.loss, record.epoch, record.waiting), (4.0, 1.0, 1.0));
        assert_eq!((resumed.epochs_done, resumed.epoch_loss, resumed.epoch_so_far), (1, Some(3.0), (0.0, 0)));
    }
}
