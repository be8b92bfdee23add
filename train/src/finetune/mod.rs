//! Fine-tuning on labels (§B.5, §B.8): every choice of rate and decay is a supervised run from the same weights, the
//! best on validation pictures is run once more on training and validation pictures, and the test split is read once.
//!
//! Below the folder: `choices/<rate and decay>` and `final` hold runs, `artefact` the encoder with its classifier as a
//! probe that the server loads, `plan.toml` what is done, `finetune.json` and
//! `report.md` what came of it. A stopped fine-tuning goes on.

mod classify;
mod plan;
mod report;

use std::fs;
use std::path::Path;

use simclr_datasets::{Dataset, Sample, class_labels};
use simclr_eval::{Parts, hold_out};
use tch::Device;

pub use plan::{Choices, Plan, Start};
pub use report::{Outcome, Trial};

use crate::checkpoint::Checkpoint;
use crate::pictures::Pictures;
use crate::progress::Line;
use crate::run_folder::RunFolder;
use crate::{Ending, Limits, TrainError, pretrain};

/// The labelled pictures of a fine-tuning.
#[derive(Debug)]
struct Labelled {
    /// Fitted on while rate and decay are chosen.
    train: Vec<Sample>,
    /// Choose them.
    validation: Vec<Sample>,
    /// Read once.
    test: Vec<Sample>,
}

impl Labelled {
    /// Divides the dataset and keeps the share of every class's labels that may be used, fixed by `seed`.
    fn of(dataset: &Dataset, share: f64, seed: u64) -> Result<Self, TrainError> {
        let parts = Parts::of(dataset, seed)?;
        let known = class_labels(&parts.known)?;
        let pick = |rows: &[usize]| -> Vec<Sample> {
            let labels: Vec<usize> = rows.iter().map(|&row| known[row]).collect();
            let kept = if share < 1.0 {
                hold_out(&labels, dataset.classes.len(), share, seed).1
            } else {
                (0..rows.len()).collect()
            };
            kept.into_iter().map(|at| parts.known[rows[at]].clone()).collect()
        };
        Ok(Self { train: pick(&parts.train), validation: pick(&parts.validation), test: parts.test })
    }
}

/// Runs a plan to its end; none when a limit was reached before. `watch` is told each run's name and lines.
///
/// # Errors
/// When a run cannot be made or judged, or the folder holds another plan's runs.
pub fn finetune(
    plan: &Plan,
    dataset: &Dataset,
    device: Device,
    folder: &Path,
    limits: Limits<'_>,
    watch: &mut dyn FnMut(&str, &Line),
) -> Result<Option<Outcome>, TrainError> {
    claim(plan, folder)?;
    let grid = plan.choices.grid();
    let first = plan.recipe(grid[0].0, grid[0].1)?;
    let labelled = Labelled::of(dataset, plan.choices.labels, first.seed)?;
    let mut run = |name: &str, choice: (f64, f64), samples: &[Sample]| {
        let folder = folder.join(name);
        let fresh = plan.checkpoint(samples.len(), choice)?;
        let pictures = Pictures::load(samples, &first.data, device)?;
        go_on(fresh, &pictures, device, &folder, limits, &mut |line| watch(name, line))
    };
    let mut trials = vec![];
    for choice in &grid {
        // A grid of one needs no choosing.
        if grid.len() > 1 {
            let name = format!("choices/rate-{}-decay-{}", choice.0, choice.1);
            let Some(checkpoint) = run(&name, *choice, &labelled.train)? else { return Ok(None) };
            let classifier = classify::classifier(&checkpoint, dataset, labelled.train.len(), choice.1);
            let validation = classify::top_1(&checkpoint, &classifier, &labelled.validation, device)?;
            trials.push(Trial { rate: choice.0, decay: choice.1, validation });
        }
    }
    let best = trials.iter().max_by(|a, b| a.validation.total_cmp(&b.validation));
    let chosen = best.map_or(grid[0], |trial| (trial.rate, trial.decay));
    let known = [&labelled.train[..], &labelled.validation].concat();
    let Some(checkpoint) = run("final", chosen, &known)? else { return Ok(None) };
    let classifier = classify::classifier(&checkpoint, dataset, known.len(), chosen.1);
    let outcome = Outcome {
        start: plan.start(),
        labels: plan.choices.labels,
        pictures: known.len(),
        steps: checkpoint.step,
        trials,
        rate: chosen.0,
        decay: chosen.1,
        data: dataset.name.clone(),
        test_pictures: labelled.test.len(),
        top_1: classify::top_1(&checkpoint, &classifier, &labelled.test, device)?,
    };
    classify::export(&checkpoint, classifier, &outcome, &folder.join("artefact"))?;
    outcome.save(folder)?;
    Ok(Some(outcome))
}

/// Refuses a folder that holds another plan's runs, and marks an empty one as this plan's.
fn claim(plan: &Plan, folder: &Path) -> Result<(), TrainError> {
    let path = folder.join("plan.toml");
    let text = plan.whole()?;
    if !path.exists() {
        fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
        return fs::write(&path, text).map_err(TrainError::io(path));
    }
    if fs::read_to_string(&path).map_err(TrainError::io(&path))? != text {
        let reason = "the folder holds another fine-tuning; choose another --out".into();
        return Err(TrainError::Checkpoint { path, reason });
    }
    Ok(())
}

/// Begins or continues one run; none when a limit was reached before its end.
fn go_on(
    fresh: Checkpoint,
    pictures: &Pictures,
    device: Device,
    folder: &Path,
    limits: Limits<'_>,
    watch: &mut dyn FnMut(&Line),
) -> Result<Option<Checkpoint>, TrainError> {
    let run = RunFolder::new(folder);
    let checkpoint = run.newest_or(fresh)?;
    match pretrain(checkpoint, pictures, None, device, folder, limits, watch)? {
        Ending::Finished => Ok(Some(run.newest()?.checkpoint)),
        Ending::Paused { .. } => Ok(None),
    }
}
