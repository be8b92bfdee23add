//! The runs of a fine-tuning: a choice of rate and decay in, a checkpoint or a [`Trial`] out. Knows neither which choice is
//! best nor the test split.

use std::path::Path;

use simclr_datasets::{Dataset, Metric, Sample};
use tch::Device;

use super::report::Trial;
use super::{Labelled, Plan, classify};
use crate::checkpoint::Checkpoint;
use crate::pictures::Pictures;
use crate::progress::Line;
use crate::recipe::Data;
use crate::run_folder::RunFolder;
use crate::{Ending, Limits, TrainError, pretrain};

/// What every run of a fine-tuning shares.
#[derive(Clone, Copy)]
pub(super) struct Runs<'a> {
    pub(super) plan: &'a Plan,
    pub(super) data: &'a Data,
    pub(super) dataset: &'a Dataset,
    pub(super) metric: Metric,
    pub(super) device: Device,
    pub(super) folder: &'a Path,
    pub(super) limits: Limits<'a>,
}

impl Runs<'_> {
    /// Pictures to learn from, for as many runs as there are.
    pub(super) fn pictures(&self, samples: &[Sample]) -> Result<Pictures, TrainError> {
        Pictures::load(samples, self.data, self.device)
    }

    /// What came of every choice, those of an earlier start as it was kept; none when a limit was reached before.
    pub(super) fn trials(
        &self,
        grid: &[(f64, f64)],
        labelled: &Labelled,
        watch: &mut dyn FnMut(&str, &Line),
    ) -> Result<Option<Vec<Trial>>, TrainError> {
        let names: Vec<String> =
            grid.iter().map(|(rate, decay)| format!("choices/rate-{rate}-decay-{decay}")).collect();
        let kept = |name| Trial::load(&self.folder.join(name));
        let mut trials = names.iter().map(kept).collect::<Result<Vec<_>, _>>()?;
        if trials.iter().any(Option::is_none) {
            let pictures = self.pictures(&labelled.train)?;
            for ((name, choice), trial) in names.iter().zip(grid).zip(&mut trials) {
                if trial.is_none() {
                    *trial = self.trial(name, *choice, &pictures, labelled, watch)?;
                    if trial.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(Some(trials.into_iter().flatten().collect()))
    }

    /// Runs a choice, judges it and keeps what came of it.
    fn trial(
        &self,
        name: &str,
        choice: (f64, f64),
        pictures: &Pictures,
        labelled: &Labelled,
        watch: &mut dyn FnMut(&str, &Line),
    ) -> Result<Option<Trial>, TrainError> {
        let judge = |checkpoint: Checkpoint| {
            let classifier = classify::classifier(&checkpoint, self.dataset, labelled.train.len(), choice.1);
            let judged =
                classify::judge(&checkpoint, &classifier, &labelled.validation, self.metric, self.device);
            judged.map(|judged| judged.own)
        };
        let run = self.run(name, choice, pictures, watch);
        let validation = match run.and_then(|checkpoint| checkpoint.map(judge).transpose()) {
            Ok(None) => return Ok(None),
            Ok(validation) => validation,
            Err(error) if error.is_divergence() => None,
            Err(error) => return Err(error),
        };
        let trial = Trial { rate: choice.0, decay: choice.1, validation };
        trial.save(&self.folder.join(name))?;
        Ok(Some(trial))
    }

    /// Begins or continues one run; none when a limit was reached before its end.
    pub(super) fn run(
        &self,
        name: &str,
        choice: (f64, f64),
        pictures: &Pictures,
        watch: &mut dyn FnMut(&str, &Line),
    ) -> Result<Option<Checkpoint>, TrainError> {
        let folder = self.folder.join(name);
        let run = RunFolder::new(&folder);
        let checkpoint = run.newest_or(self.plan.checkpoint(pictures.len(), choice)?)?;
        let mut watch = |line: &Line| watch(name, line);
        match pretrain(checkpoint, pictures, None, self.device, &folder, self.limits, &mut watch)? {
            Ending::Finished => Ok(Some(run.newest()?.checkpoint)),
            Ending::Paused { .. } => Ok(None),
        }
    }
}
