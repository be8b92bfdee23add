//! Whole runs of the tiny recipe: the loss begins where it must and falls, a resumed run repeats an uninterrupted one,
//! a run that diverges says so.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use simclr_datasets::Split;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::pictures::Pictures;
use simclr_train::progress::Record;
use simclr_train::{Ending, Limits, TrainError, pretrain};
use tch::Device;

const TINY: &str = include_str!("../recipes/tiny.toml");
static NEVER: AtomicBool = AtomicBool::new(false);

/// Sixty-four pictures in CIFAR-10's layout: a few coloured blobs a class on noise.
fn pictures(folder: &Path) -> Pictures {
    for class in 0..4u8 {
        let class_folder = folder.join(format!("class-{class}"));
        std::fs::create_dir_all(&class_folder).unwrap();
        for number in 0..16u8 {
            let mut bitmap = Vec::new();
            for y in 0..32u32 {
                for x in 0..32u32 {
                    let noise = (x * 31 + y * 17 + u32::from(number) * 97) % 61;
                    let inside = (x / 8 + y / 8 + u32::from(class)) % 4 == 0;
                    let base = if inside { 180 } else { 40 };
                    bitmap.extend([
                        (base + noise) as u8,
                        (noise * u32::from(class)) as u8,
                        (255 - base) as u8,
                    ]);
                }
            }
            write_bmp(&class_folder.join(format!("{number}.bmp")), &bitmap);
        }
    }
    let dataset = simclr_datasets::open("folder", folder).unwrap();
    Pictures::load(dataset.split(Split::Train).unwrap(), 32, Device::Cpu).unwrap()
}

/// A 32×32 24-bit bitmap.
fn write_bmp(path: &Path, rgb: &[u8]) {
    let mut bytes = b"BM".to_vec();
    for field in [54 + 3072u32, 0, 54, 40, 32, 32] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0u8; 24]);
    bytes.extend(rgb);
    std::fs::write(path, bytes).unwrap();
}

fn run(recipe: &str, folder: &Path, steps: &[u64]) -> Result<(Vec<Record>, Checkpoint), TrainError> {
    tch::set_num_threads(1);
    let pictures = pictures(&folder.join("pictures"));
    let run = folder.join("run");
    std::fs::create_dir_all(&run).unwrap();
    Checkpoint::start(recipe)?.save(&run)?;
    let mut records = vec![];
    for &last in steps {
        let limits = Limits {
            time: None,
            steps: Some(last),
            stop: &NEVER,
            checkpoint_every: Duration::from_secs(3600),
        };
        let checkpoint = Checkpoint::load(&run)?;
        let ending = pretrain(checkpoint, &pictures, Device::Cpu, &run, limits, &mut |r| {
            records.push(r.clone())
        })?;
        assert_eq!(ending == Ending::Finished, last >= 48);
    }
    Ok((records, Checkpoint::load(&run)?))
}

#[test]
fn the_loss_begins_at_the_logarithm_of_the_other_views_and_falls() {
    let folder = tempfile::tempdir().unwrap();
    // One step at a rate of almost nothing shows the loss on first weights.
    let (records, _) = run(TINY, folder.path(), &[1, 48]).unwrap();
    let expected = 31f64.ln();
    assert!(
        (records[0].loss / expected - 1.0).abs() < 0.05,
        "{} {expected}",
        records[0].loss
    );
    let last = records.last().unwrap();
    assert!(
        last.loss < records[0].loss - 0.05,
        "{} then {}",
        records[0].loss,
        last.loss
    );
    assert_eq!((last.step, last.steps), (48, 48));
}

#[test]
fn a_resumed_run_gives_the_same_weights_bit_for_bit() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, whole) = run(TINY, one.path(), &[48]).unwrap();
    let (_, pieces) = run(TINY, other.path(), &[3, 4, 9, 48]).unwrap();
    assert_eq!(whole.encoder, pieces.encoder);
    assert_eq!(whole.head, pieces.head);
    assert_eq!(whole.velocities, pieces.velocities);
    assert_eq!((whole.step, whole.epochs_done), (pieces.step, pieces.epochs_done));
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
