//! Every dataset in its official layout with all its classes: what is complete opens, and its parts are where they belong.

use crate::fixtures::{Fixture, official};
use simclr_datasets::{Dataset, Label, Mark, Sample, Split, check, entry, open};
use simclr_models::Limits;

/// Opens a complete fixture: the catalog's number of classes, so many pictures, all of one kind of name.
fn complete(name: &str, fixture: &Fixture, sizes: [usize; 3]) -> Dataset {
    let dataset = open(name, &fixture.root()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(Some(dataset.classes.len()), entry(name).unwrap().classes, "{name}");
    assert_eq!(Split::ALL.map(|split| dataset.split(split).map_or(0, <[_]>::len)), sizes, "{name}");
    assert!(dataset.missing.is_empty(), "{name}: {:?}", dataset.missing);
    for split in Split::ALL {
        if let Some(sample) = dataset.split(split).and_then(<[_]>::last) {
            sample.load(&Limits::default()).unwrap();
            let name = sample.name();
            let is_below = dataset.root.join(&name).display().to_string() == sample.place();
            assert!(is_below || name.contains('#'), "{name} {}", sample.place());
        }
    }
    let check = check(name, &fixture.root()).unwrap();
    assert_eq!(
        (check.problem, check.extra.len(), check.classes_here),
        (None, 0, dataset.classes.len()),
        "{name}"
    );
    dataset
}

fn last(dataset: &Dataset, split: Split) -> (String, Option<usize>) {
    let sample = dataset.split(split).unwrap().last().unwrap();
    (sample.name(), sample.label.class())
}

#[test]
fn food101() {
    let dataset = complete("food101", &official::food101(), [303, 0, 101]);
    assert_eq!(dataset.count_by_class(Split::Train), [3; 101]);
    assert_eq!(last(&dataset, Split::Test), ("images/food_100/3.jpg".to_owned(), Some(100)));
}

#[test]
fn cifar100_in_both_layouts() {
    for (fixture, names) in
        [(official::cifar100(), "train#49999"), (official::cifar100_python(), "train#49999")]
    {
        let dataset = open("cifar100", &fixture.root()).unwrap();
        assert_eq!(dataset.classes[99], "fine_099");
        assert_eq!(dataset.count_by_class(Split::Train), [500; 100]);
        assert_eq!(dataset.count_by_class(Split::Test), [100; 100]);
        assert_eq!(last(&dataset, Split::Train), (names.to_owned(), Some(99)));
    }
}

#[test]
fn cifar10_of_python() {
    let fixture = official::cifar10_python();
    let dataset = open("cifar10", &fixture.root()).unwrap();
    assert_eq!(dataset.count_by_class(Split::Train), [5_000; 10]);
    assert_eq!(last(&dataset, Split::Test), ("test_batch#9999".to_owned(), Some(9)));
    for (index, value) in [(0, 0_u8), (300, 44), (9_999, 15)] {
        let picture = dataset.split(Split::Test).unwrap()[index].load(&Limits::default()).unwrap();
        assert!(picture.rgb().iter().all(|&x| x == value), "picture {index}");
    }
}

#[test]
fn birdsnap() {
    let dataset = complete("birdsnap", &official::birdsnap(), [1000, 0, 500]);
    assert_eq!(last(&dataset, Split::Test), ("images/Bird_499/0002.jpg".to_owned(), Some(499)));
    assert_eq!(dataset.classes[7], "Bird 007");
}

#[test]
fn sun397() {
    let dataset = complete("sun397", &official::sun397(), [397, 0, 397]);
    assert_eq!(dataset.classes[1], "/a/apse/indoor");
    assert_eq!(last(&dataset, Split::Train), ("b/place_396/sun_a.jpg".to_owned(), Some(396)));
}

#[test]
fn cars_with_the_tests_labels_beside_the_devkit_or_in_it() {
    let fixture = official::cars();
    let dataset = complete("cars", &fixture, [392, 0, 392]);
    assert_eq!(dataset.classes[195], "Car é_195");
    assert_eq!(last(&dataset, Split::Test), ("cars_test/00392.jpg".to_owned(), Some(5 * 392 % 196)));
    fixture.copy("cars_test_annos_withlabels.mat", "devkit/cars_test_annos_withlabels.mat");
    fixture.remove("cars_test_annos_withlabels.mat");
    complete("cars", &fixture, [392, 0, 392]);
}

#[test]
fn aircraft() {
    let dataset = complete("aircraft", &official::aircraft(), [100; 3]);
    assert_eq!(last(&dataset, Split::Validation), ("data/images/0000991.jpg".to_owned(), Some(99)));
}

#[test]
fn voc2007() {
    let dataset = complete("voc2007", &official::voc2007(), [20; 3]);
    let samples = dataset.split(Split::Validation).unwrap();
    let Label::Marks(marks) = &samples[3].label else { panic!("{:?}", samples[3].label) };
    let expected = (0..20).map(|class| match class {
        3 => Mark::Present,
        4 => Mark::Difficult,
        _ => Mark::Absent,
    });
    assert_eq!(marks.to_vec(), expected.collect::<Vec<_>>());
    assert_eq!(samples[3].name(), "JPEGImages/000103.jpg");
}

/// The names that a reader knows by heart, from the error's or the partial folder's classes.
pub(crate) fn classes_of(name: &str, sign: &str) -> Vec<String> {
    let mut fixture = Fixture::new();
    fixture.picture(&format!("{sign}/x.jpg"));
    fixture.lines("annotations/trainval.txt", ["Abyssinian_1 1 1 1"]);
    check(name, &fixture.root()).unwrap().dataset.classes
}

#[test]
fn dtd() {
    let dataset = complete("dtd", &official::dtd(&classes_of("dtd", "images/banded")), [47; 3]);
    assert_eq!(last(&dataset, Split::Test), ("images/zigzagged/zigzagged_0002.jpg".to_owned(), Some(46)));
}

#[test]
fn pets() {
    let dataset = complete("pets", &official::pets(&classes_of("pets", "images")), [74, 0, 74]);
    assert_eq!(last(&dataset, Split::Test), ("images/yorkshire_terrier_3.jpg".to_owned(), Some(36)));
}

#[test]
fn caltech101() {
    let classes = classes_of("caltech101", "accordion");
    let fixture = official::caltech101(&classes);
    let dataset = complete("caltech101", &fixture, [3060, 0, 306]);
    assert_eq!(dataset.count_by_class(Split::Train), [30; 102]);
    let inside = open("caltech101", &fixture.root().join("101_ObjectCategories")).unwrap();
    let names = |d: &Dataset| d.split(Split::Train).unwrap().iter().map(Sample::name).collect::<Vec<_>>();
    assert_eq!(names(&inside), names(&dataset));
}

#[test]
fn flowers() {
    let dataset = complete("flowers", &official::flowers(), [102, 102, 204]);
    assert_eq!(dataset.classes[101], "blackberry lily");
    assert_eq!(last(&dataset, Split::Validation), ("jpg/image_00204.jpg".to_owned(), Some(101)));
}

#[test]
fn imagenet_and_tiny_imagenet() {
    let dataset = complete("imagenet", &official::imagenet(), [1000, 1000, 0]);
    assert_eq!(dataset.classes[0], "n01440764 tench, Tinca tinca");
    let dataset = complete("tiny-imagenet", &official::tiny_imagenet(), [200, 200, 0]);
    assert_eq!((dataset.classes[0].as_str(), dataset.classes[1].as_str()), ("n02000000", "n02000001 grebe"));
    assert_eq!(last(&dataset, Split::Validation), ("val/images/val_199.JPEG".to_owned(), Some(199)));
}

#[test]
fn stl10_is_stored_by_columns() {
    use std::os::unix::fs::FileExt;
    let fixture = official::stl10();
    let file =
        std::fs::File::options().write(true).open(fixture.root().join("stl10_binary/test_X.bin")).unwrap();
    // Column 2, row 5 of the green plane of picture 7.
    file.write_all_at(&[200], 7 * 27_648 + 9_216 + 2 * 96 + 5).unwrap();
    let dataset = complete("stl10", &fixture, [5_000, 0, 8_000]);
    let picture = dataset.split(Split::Test).unwrap()[7].load(&Limits::default()).unwrap();
    assert_eq!(picture.rgb()[3 * (5 * 96 + 2)..][..3], [0, 200, 0]);
    assert_eq!(picture.rgb().iter().filter(|&&x| x != 0).count(), 1);
}
