//! The folder-per-class reader on layouts that the tests write, and on real pictures where there are some.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::path::Path;

use simclr_datasets::{Dataset, DatasetError, Split, class_labels, open};
use simclr_models::Limits;
use tempfile::TempDir;

/// A 2×1 bitmap: red, then blue.
fn bitmap() -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    for number in [62_u32, 0, 54, 40, 2, 1] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes.extend([0, 0, 255, 255, 0, 0, 0, 0]);
    bytes
}

fn folder(files: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bitmap()).unwrap();
    }
    root
}

fn read(root: &Path) -> Result<Dataset, DatasetError> {
    open("folder", root)
}

fn refusal(files: &[&str]) -> String {
    read(folder(files).path()).unwrap_err().to_string()
}

#[test]
fn classes_are_sorted_and_pictures_load() {
    let root =
        folder(&["dog/2.JPG", "dog/1.bmp", "cat/a.webp", "cat/.hidden.png", "cat/notes.txt", ".git/x/y.png"]);
    let dataset = read(root.path()).unwrap();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    assert_eq!(dataset.ignored, 1);
    let train = dataset.split(Split::Train).unwrap();
    assert_eq!(class_labels(train).unwrap(), [0, 1, 1]);
    assert!(train[1].name().ends_with("dog/1.bmp"), "{}", train[1].name());
    assert!(dataset.split(Split::Validation).is_none() && dataset.split(Split::Test).is_none());
    let picture = train[1].load(&Limits::default()).unwrap();
    assert_eq!((picture.width(), picture.height()), (2, 1));
    assert_eq!(picture.rgb(), [255, 0, 0, 0, 0, 255]);
}

#[test]
fn splits_are_read_under_each_of_their_names() {
    for name in ["val", "valid", "validation"] {
        let root = folder(&["train/a/1.png", "train/b/1.png", "test/a/2.png", "test/b/2.png"]);
        for class in ["a", "b"] {
            fs::create_dir_all(root.path().join(name).join(class)).unwrap();
            fs::write(root.path().join(name).join(class).join("3.png"), bitmap()).unwrap();
        }
        let dataset = read(root.path()).unwrap();
        for split in Split::ALL {
            assert_eq!(dataset.count_by_class(split), [1, 1], "{name} {split}");
        }
    }
}

#[test]
fn a_class_called_train_is_a_class() {
    let dataset = read(folder(&["train/1.png", "plane/1.png"]).path()).unwrap();
    assert_eq!(dataset.classes, ["plane", "train"]);
}

#[test]
fn what_cannot_be_judged_is_refused_with_advice() {
    let split = |class: &str| refusal(&["train/a/1.png", "train/b/1.png", "test/a/1.png", class]);
    assert!(split("test/c/1.png").contains("class `b` of train/ is not here"));
    let text = refusal(&["train/a/1.png", "test/a/1.png", "test/b/1.png"]);
    assert!(text.contains("class `b` is not in train/") && text.contains("to do:"), "{text}");
    assert!(refusal(&["a/1.png", "b/readme.txt"]).contains("class `b` has no picture (1 other files)"));
    assert!(refusal(&["1.png"]).contains("no class folder"));
    assert!(refusal(&["a/b/1.png"]).contains("folder inside a class folder"));
    assert!(refusal(&["train/a/1.png", "photos/a/1.png"]).contains("is no split"));
    assert!(
        refusal(&["train/a/1.png", "val/a/1.png", "valid/a/1.png"])
            .contains("two folders are the validation")
    );
    let text = read(Path::new("no/such/place")).unwrap_err().to_string();
    assert!(text.contains("no/such/place: does not exist"), "{text}");
}

#[test]
fn an_unknown_name_is_answered_with_the_names_there_are() {
    let text = open("cifar11", Path::new(".")).unwrap_err().to_string();
    assert!(text.contains("cifar11") && text.contains("cifar10, cifar100"), "{text}");
}

#[test]
fn a_broken_picture_is_named_when_it_is_loaded() {
    let root = folder(&["a/1.bmp"]);
    fs::write(root.path().join("a/1.bmp"), b"not a picture").unwrap();
    let text =
        read(root.path()).unwrap().split(Split::Train).unwrap()[0].load(&Limits::default()).unwrap_err();
    assert!(text.to_string().contains("a/1.bmp"), "{text}");
    let limits = Limits { bytes_max: 10, ..Limits::default() };
    let text = read(root.path()).unwrap().split(Split::Train).unwrap()[0].load(&limits).unwrap_err();
    assert!(text.to_string().contains("a/1.bmp") && text.to_string().contains("10"), "{text}");
}

#[test]
fn real_photographs_by_class() {
    let Some(data) = std::env::var_os("SIMCLR_TEST_DATA") else {
        eprintln!("SKIPPED: set SIMCLR_TEST_DATA to the folder of real test pictures");
        return;
    };
    let dataset = read(&Path::new(&data).join("transfer/caltech101/101_ObjectCategories")).unwrap();
    assert_eq!(dataset.classes.len(), 15);
    assert_eq!(dataset.classes[0], "BACKGROUND_Google");
    let train = dataset.split(Split::Train).unwrap();
    assert_eq!(dataset.count_by_class(Split::Train), [36; 15]);
    for sample in train.iter().step_by(9) {
        let picture = sample.load(&Limits::default()).unwrap();
        assert!(picture.width() >= 80 && picture.height() >= 80, "{}", sample.name());
    }
}
