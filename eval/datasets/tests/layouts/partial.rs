//! Folders with most pictures or some lists missing: refused as complete, and used as far as they go when told to.

use std::path::Path;

use simclr_datasets::{Check, Counts, OpenOptions, Split, check, open, open_with, recognise};
use simclr_models::Limits;

use super::fixtures::{Fixture, official, real};

fn partial(name: &str, root: &Path) -> simclr_datasets::Dataset {
    open_with(name, root, &OpenOptions { partial: true }).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn missing_pictures_are_counted_and_classes_keep_their_places() {
    let fixture = official::birdsnap();
    for i in 0..3 {
        fixture.remove(&format!("images/Bird_046/{i:04}.jpg"));
    }
    let text = open("birdsnap", &fixture.root()).unwrap_err().to_string();
    assert!(
        text.contains("train: 2 of 1000 listed pictures are missing, the first is images/Bird_046/0000.jpg"),
        "{text}"
    );
    assert!(text.contains("--partial") && text.contains("birdsnap.tgz"), "{text}");
    let dataset = partial("birdsnap", &fixture.root());
    let counts = dataset.count_by_class(Split::Test);
    assert_eq!((counts.len(), counts[45], counts[46], counts[47]), (500, 1, 0, 1));
    assert_eq!(dataset.counts(Split::Test), Some(Counts { used: 499, official: 2_443 }));
    assert_eq!(dataset.listed(Split::Test), 500);
}

#[test]
fn a_split_of_which_nothing_is_here_is_dropped_and_said_to_be() {
    let fixture = official::food101();
    std::fs::read_dir(fixture.root().join("food-101/images")).unwrap().for_each(|class| {
        std::fs::remove_file(class.unwrap().path().join("3.jpg")).unwrap();
    });
    let dataset = partial("food101", &fixture.root());
    assert!(dataset.split(Split::Test).is_none() && dataset.counts(Split::Train).unwrap().used == 303);
    assert!(
        dataset.missing.iter().any(|m| m.starts_with("test: none of its pictures")),
        "{:?}",
        dataset.missing
    );
    let fixture = official::food101();
    for class in std::fs::read_dir(fixture.root().join("food-101/images")).unwrap() {
        for i in 0..3 {
            std::fs::remove_file(class.as_ref().unwrap().path().join(format!("{i}.jpg"))).unwrap();
        }
    }
    let dataset = partial("food101", &fixture.root());
    assert!(dataset.split(Split::Test).is_none() && dataset.counts(Split::Train).unwrap().used == 101);
}

#[test]
fn extra_pictures_and_other_datasets_are_recognised() {
    let mut fixture = official::food101();
    fixture.picture("food-101/images/food_000/99.jpg");
    assert_eq!(check("food101", &fixture.root()).unwrap().extra, ["images/food_000/99.jpg"]);
    let refusal = |name: &str, root: &Path| check(name, root).unwrap_err().to_string();
    let (meta, images) = (fixture.root().join("food-101/meta"), fixture.root().join("food-101/images"));
    for below in [&meta, &images] {
        let text = refusal("food101", below);
        assert!(text.contains("to do: give ") && text.contains("instead: Food-101 is there"), "{text}");
    }
    let text = refusal("pets", &fixture.root());
    assert!(text.contains("this looks like Food-101: use food101="), "{text}");
    assert_eq!(recognise(&fixture.root()).map(|(entry, _)| entry.name), Some("food101"));
    let above = tempfile::tempdir().unwrap();
    std::fs::rename(fixture.root(), above.path().join("mine")).unwrap();
    let text = refusal("food101", above.path());
    assert!(text.contains("/mine/food-101 instead: Food-101 is there"), "{text}");
    let empty = Fixture::new();
    empty.write("notes.txt", "");
    let text = refusal("stl10", &empty.root());
    assert!(text.contains("stl10_binary.tar.gz") && text.contains("this one holds notes.txt"), "{text}");
}

#[test]
fn imagenet_needs_its_validation_pictures_in_folders() {
    let mut fixture = official::imagenet();
    std::fs::remove_dir_all(fixture.root().join("val")).unwrap();
    fixture.picture("val/ILSVRC2012_val_00000001.JPEG");
    let text = open("imagenet", &fixture.root()).unwrap_err().to_string();
    assert!(text.contains("no folder of a synset") && text.contains("ground_truth"), "{text}");
}

/// Every real folder as it is: used and official numbers by split, classes with pictures, words that must be said.
#[test]
fn real_folders_are_answered_usefully() {
    let Some(transfer) = real() else { return };
    type Row<'a> = (&'a str, &'a str, [usize; 3], usize, &'a str);
    let rows: [Row<'_>; 10] = [
        ("food101", "food101", [90, 0, 50], 10, "75660 of 75750 listed pictures are missing"),
        ("birdsnap", "birdsnap", [6, 0, 0], 1, "images.txt: training pictures are all those here"),
        ("sun397", "sun397", [85, 0, 0], 17, "Training_01.txt: the train pictures of partition 1"),
        (
            "cars",
            "stanford_cars",
            [200, 0, 0],
            20,
            "cars_test_annos_withlabels.mat: the test pictures' classes",
        ),
        ("aircraft", "fgvc_aircraft", [0, 0, 0], 0, "data/images_variant_test.txt: the test pictures"),
        ("voc2007", "voc2007", [13, 12, 85], 20, "4867 of 4952 listed pictures are missing"),
        ("dtd", "dtd", [60, 0, 0], 10, "labels/val1.txt: the validation pictures of split 1"),
        ("pets", "oxford_pets", [30, 0, 31], 3, "270 of 300 listed pictures are missing"),
        ("caltech101", "caltech101", [450, 0, 90], 15, "87 of 102 classes have fewer than 31 pictures"),
        ("flowers", "flowers102", [30, 30, 80], 3, "6069 of 6149 listed pictures are missing"),
    ];
    for (name, folder, used, classes, words) in rows {
        let check = check(name, &transfer.join(folder)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Check { dataset, splits, problem, .. } = &check;
        let found = Split::ALL.map(|split| splits.iter().find(|s| s.split == split).map_or(0, |s| s.used));
        assert_eq!((found, check.classes_here), (used, classes), "{name}");
        assert!(dataset.missing.iter().any(|m| m.contains(words)), "{name}: {:?}", dataset.missing);
        assert!(
            !check.is_complete() && problem.as_ref().is_some_and(|p| p.contains("to do: unpack")),
            "{name}"
        );
        let official = |split| simclr_datasets::entry(name).unwrap().sizes.unwrap().of(split);
        for split in splits {
            assert_eq!(split.official, official(split.split), "{name}");
        }
        for sample in Split::ALL.into_iter().flat_map(|s| dataset.split(s).unwrap_or_default()).step_by(7) {
            sample.load(&Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn real_annotations_agree_with_each_other() {
    let Some(transfer) = real() else { return };
    let cars = check("cars", &transfer.join("stanford_cars")).unwrap();
    assert_eq!(cars.dataset.classes[0], "AM General Hummer SUV 2000");
    assert_eq!(cars.dataset.listed(Split::Train), 8_144);
    let flowers = check("flowers", &transfer.join("flowers102")).unwrap().dataset;
    assert_eq!(Split::ALL.map(|split| flowers.listed(split)), [1_020, 1_020, 6_149]);
    assert_eq!(flowers.count_by_class(Split::Train)[..3], [10, 10, 10]);
    let pets = check("pets", &transfer.join("oxford_pets")).unwrap();
    // A picture that is really a PNG with transparency; the GIF of the same breed is in no official list.
    let odd =
        pets.dataset.split(Split::Train).unwrap().iter().find(|s| s.name().ends_with("Abyssinian_5.jpg"));
    assert!(odd.is_none_or(|sample| sample.load(&Limits::default()).is_ok()));
    assert_eq!(pets.extra, ["images/Abyssinian_34.jpg"]);
}
