//! `simclr-eval check-data`: is this folder the dataset it is said to be, and what is missing?

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use rayon::prelude::*;
use serde_json::{Value, json};
use simclr_datasets::{Check, Sample, Split, check, entry};
use simclr_eval::Watch;
use simclr_models::Limits;

use super::DatasetArgument;
use crate::progress::Progress;

/// Pictures decoded between two looks at the clock.
const CHUNK: usize = 512;
/// Names shown to people of many.
const NAMES: usize = 3;

#[derive(Args)]
#[command(after_help = "Examples:
  simclr-eval check-data --dataset cifar10=data/cifar10
  simclr-eval check-data --dataset food101=data/food101 --dataset pets=data/pets
  simclr-eval check-data --dataset birdsnap=data/birdsnap --partial
  simclr-eval check-data --dataset folder=my/pictures --decode --json

Datasets: food101, cifar10, cifar100, birdsnap, sun397, cars, aircraft, voc2007, dtd, pets, caltech101, flowers;
imagenet, tiny-imagenet, stl10; folder (a folder per class). Folders may be the official one or the one it lies in.
Exits with failure if a dataset is incomplete (unless --partial) or a picture is broken.")]
pub(crate) struct CheckData {
    /// Dataset as name=folder; repeat for several
    #[arg(long, required = true)]
    dataset: Vec<DatasetArgument>,
    /// Decode every picture and list those that are broken
    #[arg(long)]
    decode: bool,
    /// Be content with part of a dataset
    #[arg(long)]
    partial: bool,
    /// Print JSON, one line a dataset
    #[arg(long)]
    json: bool,
}

impl CheckData {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut is_good = true;
        let single = self.dataset.len() == 1;
        for argument in &self.dataset {
            let about = || format!("dataset {}", argument.name);
            let check = match check(&argument.name, &argument.root).with_context(about) {
                Ok(check) => check,
                Err(error) if single && !self.json => return Err(error),
                Err(error) => {
                    is_good = false;
                    self.tell_error(argument, &error);
                    continue;
                }
            };
            let broken = if self.decode { broken(&check) } else { vec![] };
            is_good &= broken.is_empty() && (self.partial || check.is_complete());
            if self.json {
                println!("{}", as_json(&check, self.decode, &broken)?);
            } else {
                tell(&check, &broken)?;
            }
        }
        Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// One dataset's mistake does not hide what there is to say about the others.
    fn tell_error(&self, argument: &DatasetArgument, error: &anyhow::Error) {
        if self.json {
            println!(
                "{}",
                json!({ "name": argument.name, "complete": false, "error": format!("{error:#}") })
            );
        } else {
            eprintln!("error: {error:#}");
        }
    }
}

fn as_json(check: &Check, decoded: bool, broken: &[String]) -> anyhow::Result<Value> {
    let dataset = &check.dataset;
    let split = |s: &simclr_datasets::SplitCheck| json!({ "split": s.split.to_string(), "used": s.used, "listed": s.listed, "official": s.official });
    let here = |split: &Split| dataset.split(*split).is_some();
    let count = |split: Split| (split.to_string(), dataset.split(split).map_or(0, <[_]>::len).into());
    let splits: serde_json::Map<String, Value> = Split::ALL.into_iter().filter(here).map(count).collect();
    Ok(json!({
        "name": dataset.name, "title": entry(&dataset.name)?.title, "root": dataset.root, "classes": dataset.classes,
        "classes_here": check.classes_here, "classes_official": check.classes_official, "complete": check.is_complete(),
        "splits": splits, "counts": check.splits.iter().map(split).collect::<Vec<_>>(), "problem": check.problem,
        "missing": dataset.missing, "differences": check.differences, "extra": check.extra,
        "validation_as_pinned": check.is_validation_as_pinned, "ignored": dataset.ignored, "decoded": decoded,
        "broken": broken,
    }))
}

fn tell(check: &Check, broken: &[String]) -> anyhow::Result<()> {
    let dataset = &check.dataset;
    let title = entry(&dataset.name)?.title;
    let of = match check.classes_official {
        Some(_) if check.is_complete() => "complete, as published: ".to_owned(),
        Some(official) => format!("incomplete, {} of {official} classes have pictures: ", check.classes_here),
        None => String::new(),
    };
    println!("{title} at {}: {of}{} classes", dataset.root.display(), dataset.classes.len());
    for s in &check.splits {
        match s.official {
            Some(official) => {
                println!("  {}: {} of {official} pictures ({} listed)", s.split, s.used, s.listed);
            }
            None => println!("  {}: {} pictures", s.split, s.used),
        }
    }
    check.differences.iter().for_each(|difference| println!("  differs: {difference}"));
    dataset.missing.iter().for_each(|missing| println!("  missing: {missing}"));
    if !check.extra.is_empty() {
        let names = check.extra.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
        println!(
            "  extra: {} pictures are in no split, such as {names}; they are left out",
            check.extra.len()
        );
    }
    match check.is_validation_as_pinned {
        Some(true) => println!("  validation: the split by rule is the pinned one"),
        Some(false) => println!(
            "  differs: the validation split by rule is not the pinned one: names differ from the official"
        ),
        None => {}
    }
    println!("  other files, left out: {}", dataset.ignored);
    broken.iter().for_each(|problem| println!("  broken: {problem}"));
    if let Some(problem) = &check.problem {
        println!("  the first problem: {problem}");
    }
    Ok(())
}

fn broken(check: &Check) -> Vec<String> {
    let samples = |split| check.dataset.split(split).unwrap_or_default();
    let about = |split| format!("{} {split}", check.dataset.name);
    Split::ALL.into_iter().flat_map(|split| undecodable(samples(split), &about(split))).collect()
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
