//! From an artefact to a number in a report, and from that number back to the server it claims to describe.

use std::fs;
use std::path::Path;

use image::{ImageFormat, RgbImage};
use simclr_eval::{Cache, EncoderSpec, Evaluation, Options, Source, evaluate};
use simclr_tests::World;
use simclr_tests::pictures::{self, CIFAR10, drawn, encoded, real_pictures};

/// Pictures of some classes, as files of a folder-per-class data set.
struct Pictures {
    classes: Vec<String>,
    /// Label and file of every test picture.
    test: Vec<(usize, Vec<u8>)>,
}

impl Pictures {
    /// Writes `split/class/number.png` for whatever `of(split, label)` gives.
    fn write(folder: &Path, classes: &[&str], of: impl Fn(&str, usize) -> Vec<RgbImage>) -> Self {
        let mut test = vec![];
        for split in ["train", "test"] {
            for (label, class) in classes.iter().enumerate() {
                let place = folder.join(split).join(class);
                fs::create_dir_all(&place).expect("a folder");
                for (index, picture) in of(split, label).iter().enumerate() {
                    let bytes = encoded(picture, ImageFormat::Png);
                    fs::write(place.join(format!("{index:03}.png")), &bytes).expect("a file");
                    if split == "test" {
                        test.push((label, bytes));
                    }
                }
            }
        }
        Self { classes: classes.iter().map(ToString::to_string).collect(), test }
    }
}

fn judge(world: &World, folder: &Path) -> Evaluation {
    let dataset = simclr_datasets::open("folder", folder).expect("a data set");
    let mut source =
        Source::open(&EncoderSpec::Artefact(world.artefact_folder()), None, 1).expect("an encoder");
    // A few penalties are as good as many for this question.
    let options = Options { penalties: vec![1e-1, 1e-2, 1e-3], ..Options::default() };
    evaluate(&mut source, &dataset, &options, &Cache::off(), &mut ()).expect("an evaluation")
}

/// Share of the test pictures, in per cent, whose first class over HTTP is right.
fn served_accuracy(world: &World, probe: &str, pictures: &Pictures) -> f64 {
    let is_right = |(label, bytes): &&(usize, Vec<u8>)| {
        let answer = world.post_bytes(&format!("/v1/classify/{probe}?top_k=1"), bytes).ok();
        answer["predictions"][0]["top"][0]["label"] == pictures.classes[*label]
    };
    let right = pictures.test.iter().filter(is_right).count();
    100.0 * right as f64 / pictures.test.len() as f64
}

/// Judges, hands the probe to the server, and counts over HTTP what the report says; returns that number.
fn reported_and_served(classes: &[&str], of: impl Fn(&str, usize) -> Vec<RgbImage>) -> f64 {
    let mut world = World::new();
    let folder = world.folder().join("pictures");
    let pictures = Pictures::write(&folder, classes, of);
    let evaluation = judge(&world, &folder);
    let linear =
        evaluation.outcome.scores.iter().find(|s| s.method == "linear" && s.metric.starts_with("top-1"));
    let reported = linear.expect("a linear top-1 score").value;
    let probe = evaluation.probe.expect("a fitted probe");
    let probes = world.artefact().probes_folder();
    fs::create_dir_all(&probes).expect("a folder");
    probe.save(&probes.join(format!("{}.safetensors", probe.name))).expect("the probe is saved");
    world.start();
    let served = served_accuracy(&world, &probe.name, &pictures);
    assert!((served - reported).abs() < 1e-9, "the report says {reported}, the server shows {served}");
    reported
}

#[test]
fn the_number_in_the_report_is_the_number_the_server_shows() {
    let of = |split: &str, label: usize| {
        let indices = if split == "train" { 0..15 } else { 20..28 };
        indices.map(|index| drawn(label as u32, index)).collect()
    };
    let accuracy = reported_and_served(&["red", "green", "blue"], of);
    assert!(accuracy > 60.0, "random weights tell stripes of three colours apart, yet {accuracy}");
}

#[test]
fn so_it_is_on_real_pictures() {
    let Some(folder) = real_pictures("so_it_is_on_real_pictures") else {
        return;
    };
    let of = |split: &str, label: usize| {
        pictures::cifar10(&folder, split, label, if split == "train" { 40 } else { 15 })
    };
    let accuracy = reported_and_served(&CIFAR10, of);
    assert!(accuracy > 15.0, "random weights beat chance (10) on real pictures, yet {accuracy}");
}
