//! Whole runs on one thread, in pieces.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use simclr_datasets::Split;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::pictures::Pictures;
use simclr_train::progress::{Line, Record};
use simclr_train::run_folder::RunFolder;
use simclr_train::{Ending, Limits, TrainError, TrainRecipe, pretrain};
use tch::Device;

pub(crate) const TINY: &str = include_str!("../../recipes/tiny.toml");
static NEVER: AtomicBool = AtomicBool::new(false);

/// Begins a recipe's run on the pictures in `folder`, or goes on with it, up to each of `steps` in turn.
pub(crate) fn run(
    recipe: &str,
    folder: &Path,
    steps: &[u64],
) -> Result<(Vec<Record>, Checkpoint), TrainError> {
    tch::set_num_threads(1);
    let dataset = simclr_datasets::open("folder", &folder.join("pictures")).unwrap();
    let data = TrainRecipe::parse(TINY).unwrap().data;
    let pictures = Pictures::load(dataset.split(Split::Train).unwrap(), &data, Device::Cpu).unwrap();
    let run = folder.join("run");
    let mut checkpoint = RunFolder::new(&run).newest_or(Checkpoint::start(recipe)?)?;
    let mut records = vec![];
    for &last in steps {
        let limits = Limits {
            until: None,
            steps: Some(last),
            stop: &NEVER,
            checkpoint_every: Duration::from_secs(3600),
            keep: 2,
        };
        let mut total = 0;
        let ending = pretrain(checkpoint, &pictures, None, Device::Cpu, &run, limits, &mut |line| {
            if let Line::Step(record) = line {
                total = record.steps;
                records.push(record.clone());
            }
        })?;
        assert_eq!(ending == Ending::Finished, last >= total);
        checkpoint = RunFolder::new(&run).newest()?.checkpoint;
    }
    Ok((records, checkpoint))
}
