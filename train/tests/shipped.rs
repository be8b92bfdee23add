//! Every file of train/recipes, train/ablations and train/finetune can be used, and begins with the command that uses it.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use simclr_train::ablate::Grid;
use simclr_train::finetune::{Plan, Start};
use simclr_train::{TrainError, TrainRecipe};

/// Reads every file of a folder, which must be `least` or more.
fn each(folder: &str, least: usize, read: impl Fn(&Path, &str) -> Result<(), TrainError>) {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(paths.len() >= least, "{folder}");
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = format!("train/{folder}/{}", path.file_name().unwrap().to_str().unwrap());
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("# simclr-train ") && first.contains(&name), "{name}: {first}");
        read(&path, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_shipped_file_is_valid_and_begins_with_its_command() {
    each("recipes", 3, |_, text| TrainRecipe::parse(text).map(|_| ()));
    each("ablations", 5, |path, _| Grid::load(path).map(|_| ()));
    each("finetune", 4, |_, text| {
        let plan = Plan::parse(text, Start::Random, 10, None)?;
        let rates = plan.choices.rates.iter();
        let mut grid = rates.flat_map(|rate| plan.choices.decays.iter().map(move |decay| (*rate, *decay)));
        grid.try_for_each(|(rate, decay)| plan.recipe(rate, decay).map(|_| ()))
    });
}
