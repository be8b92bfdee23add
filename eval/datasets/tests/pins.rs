//! Splits made by rule, pinned: recomputed from complete official lists of names, against the hashes in the catalog.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use simclr_datasets::{OpenOptions, SplitCheck};
use simclr_datasets::{Split, check, entry, fingerprint, open_with, validation_fingerprint};

/// The 30 training pictures of each class of Caltech-101.
const CALTECH_TRAIN: &str = "e74ae50403b8f16607a0ebaf2ca6595d6612465eaf7f7fbb85fb087b4f0706f9";

fn transfer() -> Option<PathBuf> {
    let Some(data) = std::env::var_os("SIMCLR_TEST_DATA") else {
        eprintln!("SKIPPED: set SIMCLR_TEST_DATA to the folder of real test pictures");
        return None;
    };
    Some(Path::new(&data).join("transfer"))
}

fn text(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Makes empty files: readers look whether pictures are there, not into them.
fn touch(root: &Path, names: impl IntoIterator<Item = String>) {
    let mut made = HashSet::new();
    for name in names {
        let path = root.join(name);
        let parent = path.parent().unwrap().to_path_buf();
        if made.insert(parent.clone()) {
            fs::create_dir_all(parent).unwrap();
        }
        File::create(path).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

/// The rule's choice from all training pictures, through the reader, is the pinned one; and `check` says so.
fn as_pinned(name: &str, root: &Path, train: usize, validation: usize) {
    let entry = entry(name).unwrap();
    let dataset = open_with(name, root, &OpenOptions { partial: true }).unwrap();
    let samples = dataset.split(Split::Train).unwrap();
    assert_eq!(samples.len(), train, "{name}");
    assert_eq!(
        Some(validation_fingerprint(samples, entry.validation_share).as_str()),
        entry.validation_pin,
        "{name}"
    );
    let (_, aside) = simclr_datasets::set_aside(samples, "validation", 0, |n| {
        simclr_datasets::share_of(n, entry.validation_share)
    });
    assert_eq!(aside.len(), validation, "{name}");
    let check = check(name, root).unwrap();
    assert_eq!(check.is_validation_as_pinned, Some(true), "{name}");
    let size = |s: &SplitCheck| s.split == Split::Train && s.official == Some(train);
    assert!(check.splits.iter().any(size), "{name}: {:?}", check.splits);
}

#[test]
fn food101() {
    let Some(transfer) = transfer() else { return };
    let (from, root) = (transfer.join("food101/food-101/meta"), tempfile::tempdir().unwrap());
    for list in ["train.txt", "test.txt"] {
        copy(&from.join(list), &root.path().join("meta").join(list));
    }
    let names = text(from.join("train.txt"));
    touch(root.path(), names.lines().map(|name| format!("images/{name}.jpg")));
    as_pinned("food101", root.path(), 75_750, 7_575);
    // One picture fewer is another list, of which nothing is known.
    fs::remove_file(root.path().join("images/apple_pie/1005649.jpg")).unwrap();
    assert_eq!(check("food101", root.path()).unwrap().is_validation_as_pinned, None);
}

#[test]
fn cars() {
    let Some(transfer) = transfer() else { return };
    let root = tempfile::tempdir().unwrap();
    for file in ["cars_meta.mat", "cars_train_annos.mat"] {
        copy(&transfer.join("stanford_cars/devkit").join(file), &root.path().join("devkit").join(file));
    }
    touch(root.path(), (1..=8_144).map(|i| format!("cars_train/{i:05}.jpg")));
    as_pinned("cars", root.path(), 8_144, 1_635);
}

#[test]
fn birdsnap() {
    let Some(transfer) = transfer() else { return };
    let (from, root) = (transfer.join("birdsnap"), tempfile::tempdir().unwrap());
    for list in ["species.txt", "test_images.txt"] {
        copy(&from.join(list), &root.path().join(list));
    }
    let names = text(from.join("all-ims"));
    touch(root.path(), names.lines().map(|name| format!("images/{name}")));
    as_pinned("birdsnap", root.path(), 47_386, 4_981);
}

#[test]
fn caltech101() {
    let Some(transfer) = transfer() else { return };
    let (from, root) = (transfer.join("caltech101/ssl-transfer_splits"), tempfile::tempdir().unwrap());
    // Two unofficial lists that together name every picture.
    let names = ["train.txt", "test.txt"].map(|list| text(from.join(list))).concat();
    touch(root.path(), names.lines().map(|line| line.split(' ').next().unwrap().to_owned()));
    as_pinned("caltech101", root.path(), 3_060, 510);
    let dataset = simclr_datasets::open("caltech101", root.path()).unwrap();
    assert_eq!(fingerprint(dataset.split(Split::Train).unwrap()), CALTECH_TRAIN);
    assert_eq!(dataset.split(Split::Test).unwrap().len(), 6_084);
    assert!(check("caltech101", root.path()).unwrap().is_complete());
}
