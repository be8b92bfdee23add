//! Whole runs of the tiny recipe: the loss begins where it must and falls, a resumed run repeats an uninterrupted one,
//! a run that diverges says so.

#![allow(clippy::unwrap_used)]

mod common;

#[path = "common/runs.rs"]
mod runs;

use std::path::Path;

use runs::TINY;
use simclr_train::TrainError;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::progress::Record;

fn run(recipe: &str, folder: &Path, steps: &[u64]) -> Result<(Vec<Record>, Checkpoint), TrainError> {
    common::write_pictures(&folder.join("pictures"));
    runs::run(recipe, folder, steps)
}

#[test]
fn the_loss_begins_at_the_logarithm_of_the_other_views_and_falls() {
    let folder = tempfile::tempdir().unwrap();
    // One step at a rate of almost nothing shows the loss on first weights.
    let (records, _) = run(TINY, folder.path(), &[1, 48]).unwrap();
    let expected = 31f64.ln();
    assert!((records[0].loss / expected - 1.0).abs() < 0.05, "{} {expected}", records[0].loss);
    let last = records.last().unwrap();
    assert!(last.loss < records[0].loss - 0.05, "{} then {}", records[0].loss, last.loss);
    assert_eq!((last.step, last.steps), (48, 48));
}

#[test]
fn a_resumed_run_gives_the_same_weights_bit_for_bit() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, whole) = run(TINY, one.path(), &[48]).unwrap();
    let (_, pieces) = run(TINY, other.path(), &[3, 4, 9, 48]).unwrap();
    assert_eq!(whole.encoder, pieces.encoder);
    assert_eq!(whole.head, pieces.head);
    assert_eq!(whole.slots, pieces.slots);
    let about = |c: &Checkpoint| (c.step, c.epochs_done, c.epoch_loss);
    assert_eq!(about(&whole), about(&pieces));
    assert_ne!(whole.encoder, Checkpoint::start(TINY).unwrap().encoder);
}

#[test]
fn a_run_that_diverges_says_at_which_step_and_rate() {
    let folder = tempfile::tempdir().unwrap();
    let wild = TINY.replace("rate_per_256 = 0.5", "rate_per_256 = 1e30");
    match run(&wild, folder.path(), &[48]).map(|(_, checkpoint)| checkpoint.step) {
        Err(error @ TrainError::Diverged { .. }) => {
            let text = error.to_string();
            assert!(text.contains("step") && text.contains("learning rate"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}
