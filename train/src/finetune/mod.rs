//! Fine-tuning on labels (§B.5, §B.8): every choice of rate and decay is a supervised run from the same weights, the
//! best on validation pictures is run once more on training and validation pictures, and the test split is read once. A
//! choice that diverges is out, and the others go on.
//!
//! Below the folder: `choices/<rate and decay>` hold a run each and, in `trial.json`, what came of it, so that it is
//! neither run nor judged again; `final` holds the last run, `artefact` the encoder with its classifier as a probe that
//! the server loads, `plan.toml` what is done, `finetune.json` and `report.md` what came of it. A stopped fine-tuning
//! goes on.

mod classify;
mod plan;
mod report;
mod runs;

use std::fs;
use std::path::Path;

use simclr_datasets::{Dataset, Sample, class_labels};
use simclr_eval::{Parts, hold_out};
use tch::Device;

pub use plan::{Choices, Plan, Start};
pub use report::{Outcome, Trial};

use crate::progress::Line;
use crate::run_folder::write_whole;
use crate::{Limits, TrainError};
use runs::Runs;

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
/// When a run cannot be made or judged, every choice diverges, or the folder holds another plan's runs.
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
    let metric = dataset.entry()?.metric;
    let runs = Runs { plan, data: &first.data, dataset, metric, device, folder, limits };
    // A grid of one needs no choosing.
    let trials = if grid.len() > 1 { runs.trials(&grid, &labelled, watch)? } else { Some(vec![]) };
    let Some(trials) = trials else { return Ok(None) };
    let chosen = if trials.is_empty() { grid[0] } else { best(&trials)? };
    let known = [&labelled.train[..], &labelled.validation].concat();
    let Some(checkpoint) = runs.run("final", chosen, &runs.pictures(&known)?, watch)? else {
        return Ok(None);
    };
    let classifier = classify::classifier(&checkpoint, dataset, known.len(), chosen.1);
    let judged = classify::judge(&checkpoint, &classifier, &labelled.test, metric, device)?;
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
        top_1: judged.top_1,
        metric: metric.to_string(),
        score: judged.own,
    };
    classify::export(&checkpoint, classifier, &outcome, &folder.join("artefact"))?;
    outcome.save(folder)?;
    Ok(Some(outcome))
}

/// The rate and decay that validated best.
fn best(trials: &[Trial]) -> Result<(f64, f64), TrainError> {
    let scored = trials.iter().filter_map(|trial| Some((trial.validation?, trial)));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    let (_, trial) = best.ok_or_else(|| {
        TrainError::Recipe("every choice diverged; give lower finetune.rates and another --out".into())
    })?;
    Ok((trial.rate, trial.decay))
}

/// Refuses a folder that holds another plan's runs, and marks an empty one as this plan's.
fn claim(plan: &Plan, folder: &Path) -> Result<(), TrainError> {
    let path = folder.join("plan.toml");
    let text = plan.whole()?;
    if !path.exists() {
        fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
        return write_whole(&path, text.as_bytes()).map_err(TrainError::io(path));
    }
    if fs::read_to_string(&path).map_err(TrainError::io(&path))? != text {
        let reason = "the folder holds another fine-tuning; choose another --out".into();
        return Err(TrainError::Checkpoint { path, reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_written_whole_or_not_at_all_and_another_is_refused() {
        let text = include_str!("../../finetune/transfer.toml");
        let plan = |labels| Plan::parse(text, Start::Random, 37, Some(labels)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // Something in the way of the file that is then renamed: as if the process had ended while it was written.
        let in_the_way = folder.path().join("plan.toml.writing");
        fs::create_dir(&in_the_way).unwrap();
        assert!(claim(&plan(1.0), folder.path()).is_err());
        assert!(!folder.path().join("plan.toml").exists());
        fs::remove_dir(&in_the_way).unwrap();
        claim(&plan(1.0), folder.path()).unwrap();
        claim(&plan(1.0), folder.path()).unwrap();
        let error = claim(&plan(0.5), folder.path()).unwrap_err().to_string();
        assert!(error.contains("another fine-tuning"), "{error}");
    }

    #[test]
    fn the_best_is_chosen_among_those_that_did_not_diverge() {
        let trial = |rate, validation| Trial { rate, decay: 0.0, validation };
        let trials = [trial(1.0, None), trial(0.1, Some(50.0)), trial(0.2, Some(60.0)), trial(2.0, None)];
        assert_eq!(best(&trials).unwrap(), (0.2, 0.0));
        assert!(best(&trials[..1]).unwrap_err().to_string().contains("every choice diverged"));
    }
}
