//! Pictures that cannot be read, pictures that stay on disk, views made ahead: none changes what a run learns.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use simclr_datasets::{Dataset, Label, Mark, Split};
use simclr_train::checkpoint::Checkpoint;
use simclr_train::feed::{Feed, Maker};
use simclr_train::learner::Learner;
use simclr_train::pictures::Pictures;
use simclr_train::progress::Line;
use simclr_train::recipe::{Objective, Resident};
use simclr_train::run_folder::RunFolder;
use simclr_train::schedule::Rates;
use simclr_train::{Limits, TrainError, TrainRecipe, pretrain};
use tch::{Device, Kind, Tensor};

const TINY: &str = include_str!("../recipes/tiny.toml");
static NEVER: AtomicBool = AtomicBool::new(false);

fn dataset(folder: &Path) -> Dataset {
    common::write_pictures(folder);
    simclr_datasets::open("folder", folder).unwrap()
}

fn load(dataset: &Dataset, resident: Resident, broken_max: f64) -> Result<Pictures, TrainError> {
    let mut data = TrainRecipe::parse(TINY).unwrap().data;
    (data.resident, data.broken_max) = (resident, broken_max);
    Pictures::load(dataset.split(Split::Train).unwrap(), &data, Device::Cpu)
}

fn maker(pictures: &Pictures) -> Maker {
    Maker::new(pictures, &TrainRecipe::parse(TINY).unwrap()).unwrap()
}

fn is_same(one: &Tensor, other: &Tensor) -> bool {
    one.f_equal(other).unwrap()
}

fn run(pictures: &Pictures, folder: &Path, steps: u64) -> (Vec<Line>, Checkpoint) {
    let mut lines = vec![];
    let limits = Limits {
        until: None,
        steps: Some(steps),
        stop: &NEVER,
        checkpoint_every: Duration::from_secs(3600),
        keep: 2,
    };
    let start = Checkpoint::start(TINY).unwrap();
    pretrain(start, pictures, None, Device::Cpu, folder, limits, &mut |line| lines.push(line.clone()))
        .unwrap();
    (lines, RunFolder::new(folder).newest().unwrap().checkpoint)
}

#[test]
fn a_thread_makes_views_ahead_where_pictures_are_read_from_disk_and_only_there() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    for (resident, expected) in [(Resident::Never, true), (Resident::Always, false)] {
        let maker = maker(&load(&dataset, resident, 0.0).unwrap());
        std::thread::scope(|scope| {
            let mut feed = Feed::start(scope, maker, 0..2);
            assert_eq!(feed.is_ahead(), expected, "{resident:?}");
            assert!(feed.take().is_ok() && feed.take().is_ok() && feed.take().is_err(), "{resident:?}");
        });
    }
}

#[test]
fn a_run_that_makes_views_ahead_equals_one_that_makes_them_in_turn() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder.path().join("pictures"));
    let streamed = load(&dataset, Resident::Never, 0.0).unwrap();
    let (lines, ahead) = run(&streamed, &folder.path().join("run"), 9);
    let Line::Step(record) = &lines[0] else { panic!("{lines:?}") };
    assert!((0.0..=1.0).contains(&record.waiting));

    let recipe = TrainRecipe::parse(TINY).unwrap();
    let mut maker = maker(&load(&dataset, Resident::Always, 0.0).unwrap());
    let rates = Rates::new(&recipe.schedule, recipe.batch, maker.steps_per_epoch());
    let mut learner = Learner::new(&Checkpoint::start(TINY).unwrap(), Device::Cpu).unwrap();
    for step in 0..9 {
        let _ = learner.step(&maker.input(step).unwrap(), rates.at(step)).unwrap();
    }
    let (encoder, head) = learner.weights().unwrap();
    assert!(encoder == ahead.encoder && head == ahead.head && learner.slots().unwrap() == ahead.slots);
}

#[test]
fn pictures_read_from_disk_give_the_same_views() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let (kept, streamed) = (load(&dataset, Resident::Always, 0.0), load(&dataset, Resident::Never, 0.0));
    let (kept, streamed) = (kept.unwrap(), streamed.unwrap());
    assert!(kept.is_resident() && !streamed.is_resident());
    let (mut kept, mut streamed) = (maker(&kept), maker(&streamed));
    for step in [0, 1, 5, 4] {
        let (kept, streamed) = (kept.input(step).unwrap(), streamed.input(step).unwrap());
        assert!(is_same(&kept.views, &streamed.views), "step {step}");
        assert!(is_same(&kept.labels, &streamed.labels), "step {step}");
    }
}

#[test]
fn a_broken_picture_is_named_and_left_out_up_to_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let whole = load(&dataset, Resident::Auto, 0.0).unwrap();
    std::fs::write(folder.path().join("class-1/3.bmp"), "not a picture").unwrap();
    std::fs::write(folder.path().join("class-3/9.bmp"), "").unwrap();

    let error = load(&dataset, Resident::Auto, 1.9 / 64.0).unwrap_err().to_string();
    assert!(error.contains("2 of 64") && error.contains("allows 1") && error.contains("3.bmp"), "{error}");
    assert!(error.contains("9.bmp"), "{error}");

    let broken = load(&dataset, Resident::Auto, 2.0 / 64.0).unwrap();
    let places: Vec<usize> = broken.broken().iter().map(|broken| broken.place).collect();
    assert_eq!((broken.len(), places.len(), whole.len()), (62, 2, 64));
    // The others keep their places and their order.
    let mut expected = whole.order(1, 5);
    expected.retain(|place| !places.contains(&usize::try_from(*place).unwrap()));
    assert_eq!(broken.order(1, 5), expected);
    let some = &expected[..16];
    let (broken, whole) = (broken.batch(some).unwrap(), whole.batch(some).unwrap());
    assert!(is_same(&broken.0, &whole.0) && is_same(&broken.1, &whole.1));
}

#[test]
fn a_streamed_picture_that_is_broken_is_replaced_told_once_and_counted() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder.path().join("pictures"));
    std::fs::write(folder.path().join("pictures/class-1/3.bmp"), "not a picture").unwrap();

    let pictures = load(&dataset, Resident::Never, 1.0 / 64.0).unwrap();
    let (lines, _) = run(&pictures, &folder.path().join("run"), 20);
    let told: Vec<&Line> = lines.iter().filter(|line| matches!(line, Line::Broken(_))).collect();
    assert!(matches!(told[..], [Line::Broken(unread)] if unread.picture.contains("3.bmp")), "{told:?}");
    let order: Vec<i64> = (0..64).collect();
    let sums =
        pictures.batch(&order).unwrap().0.f_sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float);
    let sums: Vec<f32> = Vec::try_from(&sums.unwrap()).unwrap();
    assert_eq!(sums.iter().filter(|&&sum| sum == 0.0).count(), 0, "no black picture");
    let place = load(&dataset, Resident::Always, 1.0 / 64.0).unwrap().broken()[0].place as i64;
    let (_, labels) = pictures.batch(&[0, place, 63, place]).unwrap();
    assert_eq!(Vec::<i64>::try_from(&labels).unwrap(), [0, 0, 3, 3], "the label goes with the picture");

    let pictures = load(&dataset, Resident::Never, 0.0).unwrap();
    let error = pictures.batch(&order).unwrap_err().to_string();
    assert!(error.contains("3.bmp") && error.contains("1 of 64"), "{error}");
}

#[test]
fn pictures_that_may_show_several_classes_do_for_objectives_without_labels() {
    let folder = tempfile::tempdir().unwrap();
    let mut samples = dataset(folder.path()).split(Split::Train).unwrap().to_vec();
    for sample in &mut samples {
        sample.label = Label::Marks(Arc::new([Mark::Present, Mark::Present, Mark::Absent, Mark::Difficult]));
    }
    let recipe = TrainRecipe::parse(TINY).unwrap();
    let pictures = Pictures::load(&samples, &recipe.data, Device::Cpu).unwrap();
    let input = Maker::new(&pictures, &recipe).unwrap().input(0).unwrap();
    assert_eq!(input.views.size(), [32, 3, 32, 32]);
    let objective = Objective::Supervised { classes: 4 };
    let error = Maker::new(&pictures, &TrainRecipe { objective, ..recipe }).unwrap_err().to_string();
    assert!(error.contains("one class a picture"), "{error}");
}
