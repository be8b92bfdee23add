//! Caltech-101: 102 folders with the background, and no official split. Of each class, 30 pictures chosen by a rule are
//! for training, all others for the test.

use std::path::Path;

use crate::files::pictures_in;
use crate::{Dataset, DatasetError, Label, Sample, Split, set_aside};

const NAMES: &str = include_str!("names/caltech101.txt");
/// Training pictures of each class (Kornblith et al. 2019, Table 1: 3,060 in all).
const TRAIN: usize = 30;
/// Which 30: fixed for good, so that every run and every machine has the same test.
const SEED: u64 = 0;

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let classes: Vec<String> = NAMES.lines().map(str::to_owned).collect();
    let mut dataset = Dataset::new(name, root, classes.clone());
    let (mut train, mut test) = (Vec::new(), Vec::new());
    let mut short = Vec::new();
    for (class, folder) in classes.iter().enumerate() {
        let path = root.join(folder);
        let pictures = pictures_in(root, &path)?.into_iter();
        let pictures: Vec<Sample> = pictures.map(|path| dataset.picture(path, Label::Class(class))).collect();
        if pictures.len() <= TRAIN {
            short.push(folder.as_str());
        }
        // One is left to be judged by, wherever there are two.
        let count = TRAIN.min(pictures.len().saturating_sub(1)).max(pictures.len().min(1));
        let (others, chosen) = set_aside(&pictures, "caltech101 train", SEED, |_| count);
        train.extend(chosen.iter().map(|&row| pictures[row].clone()));
        test.extend(others.iter().map(|&row| pictures[row].clone()));
    }
    if let Some(first) = short.first() {
        let problem = format!(
            "{} of {} classes have fewer than 31 pictures, such as {first}",
            short.len(),
            classes.len()
        );
        dataset.lack(root.join(first), problem);
    }
    dataset.set(Split::Train, train);
    dataset.set(Split::Test, test);
    Ok(dataset)
}
