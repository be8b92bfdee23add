//! `simclr-eval check-data`: is this folder the dataset it is said to be?

use std::process::ExitCode;

use clap::Args;
use rayon::prelude::*;
use simclr_datasets::{Sample, Split, entry};
use simclr_eval::Watch;
use simclr_models::Limits;

use super::DatasetArgument;
use crate::progress::Progress;

/// Pictures decoded between two looks at the clock.
const CHUNK: usize = 512;

#[derive(Args)]
#[command(after_help = "Examples:
  simclr-eval check-data --dataset cifar10=data/cifar10
  simclr-eval check-data --dataset folder=my/pictures --decode --json")]
pub(crate) struct CheckData {
    /// Dataset as name=folder; repeat for several
    #[arg(long, required = true)]
    dataset: Vec<DatasetArgument>,
    /// Decode every picture and list those that are broken
    #[arg(long)]
    decode: bool,
    /// Print JSON, one line a dataset
    #[arg(long)]
    json: bool,
}

impl CheckData {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut broken_count = 0;
        for argument in &self.dataset {
            let dataset = argument.open()?;
            let title = entry(&dataset.name)?.title;
            let mut splits = serde_json::Map::new();
            let mut broken = Vec::new();
            for split in Split::ALL {
                let Some(samples) = dataset.split(split) else {
                    continue;
                };
                splits.insert(split.to_string(), samples.len().into());
                if self.decode {
                    broken.extend(undecodable(samples, &format!("{} {split}", dataset.name)));
                }
            }
            broken_count += broken.len();
            if self.json {
                let line = serde_json::json!({
                    "name": dataset.name, "title": title, "classes": dataset.classes, "splits": splits,
                    "ignored": dataset.ignored, "decoded": self.decode, "broken": broken,
                });
                println!("{line}");
                continue;
            }
            println!("{title} at {}: {} classes", argument.root.display(), dataset.classes.len());
            splits.iter().for_each(|(split, count)| println!("  {split}: {count} pictures"));
            println!("  other files, left out: {}", dataset.ignored);
            broken.iter().for_each(|problem| println!("  broken: {problem}"));
        }
        Ok(if broken_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn undecodable(samples: &[Sample], about: &str) -> Vec<String> {
    let mut progress = Progress::new();
    progress.about(about.to_owned());
    progress.begin("decode", samples.len());
    let mut broken = Vec::new();
    for (chunk, done) in samples.chunks(CHUNK).zip((CHUNK..).step_by(CHUNK)) {
        let problem = |sample: &Sample| sample.load(&Limits::default()).err().map(|e| e.to_string());
        broken.extend(chunk.par_iter().filter_map(problem).collect::<Vec<_>>());
        progress.done(done.min(samples.len()));
    }
    progress.finish();
    broken
}
