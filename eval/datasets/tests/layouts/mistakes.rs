//! Annotation files that are wrong, swapped or another dataset's: the answer names file, line and expectation.

use std::fs;

use simclr_datasets::{OpenOptions, open, open_with};

use super::fixtures::mat::{Mat, file as mat_file};
use super::fixtures::{Fixture, official, pickled};
use super::official::classes_of;

/// What is said about a folder, complete or partial: a mistake is never passed over.
fn refusal(name: &str, fixture: &Fixture, words: &[&str]) {
    for partial in [false, true] {
        let result = open_with(name, &fixture.root(), &OpenOptions { partial });
        let text =
            result.err().unwrap_or_else(|| panic!("{name} was opened; expected {words:?}")).to_string();
        let absent = words.iter().find(|word| !text.contains(**word));
        assert_eq!(absent, None, "{text}");
        assert!(text.contains("expected: ") && text.contains("to do: "), "{text}");
    }
}

#[test]
fn food101_with_its_lists_swapped_or_wrong() {
    let fixture = official::food101();
    fixture.swap("food-101/meta/train.txt", "food-101/meta/test.txt");
    let (train, test) = (fixture.at("food-101/meta/train.txt"), fixture.at("food-101/meta/test.txt"));
    refusal(
        "food101",
        &fixture,
        &[&format!("{train}, line 102: "), "after 101", &test, "has 303", "swapped"],
    );
    fixture.swap("food-101/meta/train.txt", "food-101/meta/test.txt");
    fixture.copy("food-101/meta/train.txt", "food-101/meta/test.txt");
    refusal("food101", &fixture, &["test.txt, line 1: `food_000/0` is already in line 1 of", "train.txt"]);
    fixture.lines("food-101/meta/test.txt", ["food_000/3", "soup/3"]);
    refusal("food101", &fixture, &["test.txt, line 2: `soup/3`", "class/number", "101 classes"]);
    fixture.write("food-101/meta/test.txt", b"food_000/3\n\xff\xfe");
    refusal("food101", &fixture, &["test.txt, line 2: bytes that are no UTF-8"]);
}

#[test]
fn flowers_with_one_file_in_the_others_place() {
    let fixture = official::flowers();
    fixture.copy("setid.mat", "imagelabels.mat");
    let at = fixture.at("imagelabels.mat");
    refusal(
        "flowers",
        &fixture,
        &[&at, "trnid, valid, tstid and no `labels`, so it is setid.mat", "whole numbers"],
    );
    let fixture = official::flowers();
    fixture.copy("imagelabels.mat", "setid.mat");
    refusal("flowers", &fixture, &["setid.mat: it holds labels and no `trnid`, so it is imagelabels.mat"]);
    let set = |from: u32, to: u32| Mat::Doubles((from..=to).map(f64::from).collect());
    let sets = |a, b, c| mat_file(vec![("trnid", a), ("valid", b), ("tstid", c)], false);
    fixture.write("imagelabels.mat", mat_file(vec![("labels", Mat::Bytes(vec![1; 408]))], false));
    fixture.write("setid.mat", sets(set(205, 408), set(103, 204), set(1, 102)));
    refusal(
        "flowers",
        &fixture,
        &["setid.mat, line 1: trnid or valid has 204 pictures, more than tstid's 102"],
    );
    fixture.write("setid.mat", sets(set(1, 5), set(5, 9), set(10, 20)));
    refusal("flowers", &fixture, &["setid.mat, line 1: valid: picture 5 is already in trnid"]);
    fixture.write("setid.mat", sets(set(1, 2), set(3, 4), set(408, 410)));
    refusal("flowers", &fixture, &["setid.mat, line 2: tstid: picture 409", "from 1 to 408"]);
    fixture.write("imagelabels.mat", mat_file(vec![("labels", Mat::Bytes(vec![103; 408]))], false));
    refusal("flowers", &fixture, &["imagelabels.mat, line 1: picture 1 has class 103", "1 to 102"]);
}

#[test]
fn cars_with_another_files_annotations() {
    let fixture = official::cars();
    fixture.copy("devkit/cars_train_annos.mat", "cars_test_annos_withlabels.mat");
    let at = fixture.at("cars_test_annos_withlabels.mat");
    refusal("cars", &fixture, &[&format!("{at}, line 1: "), "those of cars_train_annos.mat", "8,041"]);
    fixture.copy("devkit/cars_test_annos.mat", "cars_test_annos_withlabels.mat");
    refusal("cars", &fixture, &[&at, "have no class", "cars_test_annos.mat, which is without labels"]);
    fixture.copy("devkit/cars_meta.mat", "devkit/cars_train_annos.mat");
    refusal("cars", &fixture, &["cars_train_annos.mat: there is no such variable", "`annotations`"]);
    let row =
        |class: f64| [vec![Mat::Doubles(vec![class]), Mat::Text("1.jpg".into())], boxed()].concat_rows();
    let fields = vec!["class", "fname", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"];
    let rows = vec![row(1.0), row(197.0)];
    fixture.write(
        "devkit/cars_train_annos.mat",
        mat_file(vec![("annotations", Mat::Records(fields, rows))], true),
    );
    refusal("cars", &fixture, &["cars_train_annos.mat, line 2: record 2 has no such class", "1 to 196"]);
    fixture.remove("devkit/cars_meta.mat");
    refusal("cars", &fixture, &["cars_meta.mat: the file is missing", "196 names"]);
}

fn boxed() -> Vec<Mat> {
    (0..4).map(|side| Mat::Doubles(vec![f64::from(side)])).collect()
}

trait Rows {
    fn concat_rows(self) -> Vec<Mat>;
}

impl Rows for [Vec<Mat>; 2] {
    fn concat_rows(self) -> Vec<Mat> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn voc2007_with_another_classes_file() {
    let main = "VOCdevkit/VOC2007/ImageSets/Main";
    let fixture = official::voc2007();
    fixture.copy(&format!("{main}/dog_val.txt"), &format!("{main}/horse_val.txt"));
    refusal(
        "voc2007",
        &fixture,
        &["horse_val.txt, line ", "marks are those of", "dog_val.txt", "class horse"],
    );
    let fixture = official::voc2007();
    fixture.swap(&format!("{main}/dog_val.txt"), &format!("{main}/horse_val.txt"));
    refusal("voc2007", &fixture, &["dog_val.txt, line 11: picture 000110", "000110.xml", "dog 0: only"]);
    let fixture = official::voc2007();
    fixture.copy(&format!("{main}/cow_train.txt"), &format!("{main}/cow_test.txt"));
    refusal(
        "voc2007",
        &fixture,
        &["cow_test.txt, line 1: picture 000000", "picture 000200", "aeroplane_test.txt"],
    );
    fixture.lines(&format!("{main}/cow_test.txt"), ["000200 -1", "000201 2"]);
    refusal("voc2007", &fixture, &["cow_test.txt, line 2: `000201 2`", "1, 0 or -1"]);
    fixture.lines(&format!("{main}/cow_test.txt"), ["000200 -1"]);
    refusal("voc2007", &fixture, &["cow_test.txt, line 2: the list has 1 pictures", "20 pictures"]);
}

#[test]
fn aircraft_with_families_in_place_of_variants() {
    let data = "fgvc-aircraft-2013b/data";
    let fixture = official::aircraft();
    fixture.copy(&format!("{data}/images_family_val.txt"), &format!("{data}/images_variant_val.txt"));
    refusal(
        "aircraft",
        &fixture,
        &["images_variant_val.txt, line 1: `DC family` is no variant", "variants.txt"],
    );
    let fixture = official::aircraft();
    fixture.swap(&format!("{data}/images_variant_val.txt"), &format!("{data}/images_variant_test.txt"));
    refusal(
        "aircraft",
        &fixture,
        &["images_variant_val.txt, line 1: picture 0000002", "0000001", "images_val.txt"],
    );
}

#[test]
fn dtd_pets_sun_and_birdsnap() {
    let fixture = official::dtd(&classes_of("dtd", "images/banded"));
    fixture.copy("dtd/labels/train1.txt", "dtd/labels/test1.txt");
    refusal(
        "dtd",
        &fixture,
        &["test1.txt, line 1: `banded/banded_0000.jpg` is already in line 1 of", "train1.txt"],
    );

    let fixture = official::pets(&classes_of("pets", "images"));
    fixture.lines("annotations/test.txt", ["# a comment", "Abyssinian_7 1 1 1", "pug_1 27 2 3"]);
    refusal("pets", &fixture, &["test.txt, line 3: picture `pug_1` has class 27, which is Ragdoll"]);
    fixture.lines("annotations/test.txt", ["pug_1 38 2 3"]);
    refusal("pets", &fixture, &["test.txt, line 1: `pug_1 38 2 3`", "1 to 37"]);

    let fixture = official::sun397();
    fixture.copy("Partitions/Training_01.txt", "Partitions/Testing_01.txt");
    refusal(
        "sun397",
        &fixture,
        &["Testing_01.txt, line 1: `/a/abbey/sun_a.jpg` is already", "Training_01.txt"],
    );
    fixture.lines("Partitions/Testing_01.txt", ["/z/zoo/sun_a.jpg"]);
    refusal("sun397", &fixture, &["Testing_01.txt, line 1: `/z/zoo/sun_a.jpg`", "ClassName.txt"]);

    let fixture = official::birdsnap();
    fixture.lines("test_images.txt", ["path", "Dodo/1.jpg"]);
    refusal("birdsnap", &fixture, &["test_images.txt, line 2: `Dodo/1.jpg`", "species.txt"]);
    fixture.lines("test_images.txt", ["path"]);
    fixture.lines("images.txt", ["url\tmd5\tpath\tspecies_id", "u\tm\tBird_001/0000.jpg\t3"]);
    refusal("birdsnap", &fixture, &["images.txt, line 2: `Bird_001/0000.jpg` has species 3", "species 2"]);
    fixture.lines("images.txt", ["Bird_001/0000.jpg"]);
    refusal("birdsnap", &fixture, &["images.txt, line 1: no columns `path` and `species_id`"]);
    fixture.lines("species.txt", ["id\tcommon\tscientific\tdir", "2\tBird\tAvis\tbird"]);
    refusal("birdsnap", &fixture, &["species.txt, line 2: ", "id 1"]);
}

#[test]
fn binary_files_that_are_cut_or_another() {
    let fixture = official::cifar100();
    fixture.swap("cifar-100-binary/train.bin", "cifar-100-binary/test.bin");
    refusal(
        "cifar100",
        &fixture,
        &["train.bin: the file has 30740000 bytes", "153700000 bytes", "50000 records"],
    );
    let fixture = official::stl10();
    fixture.swap("stl10_binary/train_y.bin", "stl10_binary/test_y.bin");
    refusal("stl10", &fixture, &["train_y.bin: the file has 8000 bytes", "5000 records"]);
    let fixture = Fixture::new();
    fixture.write("train", pickled::batch("fine_labels", &[1, 2], &[0; 2 * 3072]));
    fixture.write("meta", pickled::names("fine_label_names", &official::names("fine", 100)));
    refusal("cifar100", &fixture, &["train: there are 2 labels and 6144 bytes", "50000"]);
    fixture.write("train", b"\x80\x02cos\nsystem\n(U\x04exittR.");
    refusal("cifar100", &fixture, &["train: there is no list `fine_labels`"]);
    fixture.write("train", b"\x80\x02}(U\xffab");
    refusal("cifar100", &fixture, &["train: byte 4: it ends too early"]);
}

/// Bytes changed one by one: an answer each time, never a crash, never gigabytes.
#[test]
fn damaged_binary_annotations_are_answered() {
    let fixture = official::flowers();
    let whole = fs::read(fixture.root().join("setid.mat")).unwrap();
    for at in (0..whole.len()).step_by(3) {
        for value in [0, 0xff, whole[at] ^ 0x10] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            fixture.write("setid.mat", &bytes);
            let _ = open("flowers", &fixture.root());
        }
        fixture.write("setid.mat", &whole[..at]);
        assert!(open("flowers", &fixture.root()).is_err(), "cut at {at}");
    }
}
