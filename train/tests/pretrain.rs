//! Whole runs of the tiny recipe: the loss begins where it must and falls, a resumed run repeats an uninterrupted one,
//! a run that diverges says so.

#![allow(clippy::unwrap_used)]

mod common;

#[path = "common/runs.rs"]
mod runs;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use runs::TINY;
use simclr_datasets::Split;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::pictures::Pictures;
use simclr_train::progress::Record;
use simclr_train::run_folder::RunFolder;
use simclr_train::{Ending, Limits, TrainError, TrainRecipe, pretrain};
use tch::Device;

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
fn a_run_goes_on_on_the_pictures_that_it_was_begun_on() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join("pictures").join(name);
    let go_on = |last| runs::run(TINY, folder.path(), &[last]);
    run(TINY, folder.path(), &[3]).unwrap();
    std::fs::copy(place("class-0/1.bmp"), place("class-0/more.bmp")).unwrap();
    let error = go_on(4).unwrap_err().to_string();
    let named = ["begun on 64 pictures", "65 pictures", "pretrain --from"];
    assert!(named.iter().all(|named| error.contains(named)), "{error}");
    std::fs::remove_file(place("class-3/9.bmp")).unwrap();
    let error = go_on(4).unwrap_err();
    assert!(matches!(error, TrainError::OtherPictures { .. }), "as many, but others: {error}");
    std::fs::rename(place("class-0/more.bmp"), place("class-3/9.bmp")).unwrap();
    assert_eq!(go_on(5).unwrap().1.step, 5);
}

#[test]
fn a_run_that_another_process_trains_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join("run/checkpoints/step-0000000003.safetensors.writing");
    std::fs::create_dir_all(half.parent().unwrap()).unwrap();
    std::fs::write(&half, "being written").unwrap();
    let lock = RunFolder::new(&folder.path().join("run")).lock().unwrap();
    let error = run(TINY, folder.path(), &[1]).unwrap_err().to_string();
    assert!(error.contains(&std::process::id().to_string()) && half.exists(), "{error}");
    drop(lock);
    run(TINY, folder.path(), &[1]).unwrap();
    assert!(!half.exists());
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

#[test]
fn a_deadline_is_the_same_for_every_run_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    common::write_pictures(&folder.join("pictures"));
    let dataset = simclr_datasets::open("folder", &folder.join("pictures")).unwrap();
    let endless = TINY.replace("epochs = 12", "epochs = 1000000");
    let data = TrainRecipe::parse(&endless).unwrap().data;
    let pictures = Pictures::load(dataset.split(Split::Train).unwrap(), &data, Device::Cpu).unwrap();
    let stop = AtomicBool::new(false);
    tch::set_num_threads(1);
    let limits = Limits {
        until: Some(Instant::now() + Duration::from_secs(1)),
        steps: None,
        stop: &stop,
        checkpoint_every: Duration::from_secs(3600),
        keep: 2,
    };
    let run = |name: &str| {
        let run = folder.join(name);
        let checkpoint = RunFolder::new(&run).newest_or(Checkpoint::start(&endless).unwrap()).unwrap();
        pretrain(checkpoint, &pictures, None, Device::Cpu, &run, limits, &mut |_| ()).unwrap()
    };
    let Ending::Paused { step } = run("first") else { panic!("a million epochs in a second") };
    // The second begins when the time is over: it takes the one step after which it looks.
    assert_eq!(run("second"), Ending::Paused { step: 1 });
    assert_eq!(run("first"), Ending::Paused { step: step + 1 });
}
