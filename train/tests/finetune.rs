//! Fine-tuning the tiny encoder: the grid is tried, stopped and gone on with, the best choice is run on everything, and
//! the artefact's probe says what the classifier says.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;

use simclr_eval::report::FineTuned;
use simclr_eval::{Probe, Storage};
use simclr_models::{Artefact, Encoder, Limits, OnnxEncoder, Picture};

const CHOICES: &str = "[finetune]\nlabels = 1.0\nrates = [0.5, 0.00001]\ndecays = [0.0]\n\n[data]";

fn run(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_simclr-train"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn world(folder: &Path) {
    common::write_pictures(&folder.join("pictures/train"));
    common::write_pictures(&folder.join("pictures/test"));
    let tiny = include_str!("../recipes/tiny.toml").replace("\"cifar10\"", "\"folder\"");
    std::fs::write(folder.join("tiny.toml"), &tiny).unwrap();
    let objective = tiny.find("[objective]").unwrap();
    let optimiser = tiny.find("[optimiser]").unwrap();
    let without = format!("{}{}", &tiny[..objective], &tiny[optimiser..]);
    // Whole pictures, as they are: 48 steps are enough to learn them.
    let still = [
        ("crop_area = [0.08, 1.0]", "crop_area = [1.0, 1.0]"),
        ("crop_aspect = [0.75, 1.3333333333333333]", "crop_aspect = [1.0, 1.0]"),
        ("flip = 0.5", "flip = 0.0"),
        ("jitter = 0.8", "jitter = 0.0"),
        ("grey = 0.2", "grey = 0.0"),
        ("blur = 0.5", "blur = 0.0"),
    ];
    let still = still.iter().fold(without, |text, (from, to)| text.replace(from, to));
    std::fs::write(folder.join("finetune.toml"), still.replace("[data]", CHOICES)).unwrap();
}

#[test]
fn the_better_rate_is_chosen_and_the_probe_says_what_the_classifier_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let where_to = ["--data", "pictures", "--threads", "1"];
    let (succeeded, said) = run(
        folder,
        &[&["pretrain", "tiny.toml", "--out", "run", "--limit-steps", "8"], &where_to[..]].concat(),
    );
    assert!(succeeded, "{said}");
    let finetune =
        [&["finetune", "finetune.toml", "--from", "run", "--out", "tuned"], &where_to[..]].concat();
    let (succeeded, said) = run(folder, &[&finetune[..], &["--limit-steps", "5"]].concat());
    assert!(succeeded && said.contains("paused"), "{said}");
    let (succeeded, said) = run(folder, &finetune);
    assert!(succeeded && said.contains("| 0.5 | 0 |"), "{said}");

    let text = std::fs::read_to_string(folder.join("tuned/finetune.json")).unwrap();
    let outcome: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((outcome["rate"].as_f64(), outcome["pictures"].as_u64()), (Some(0.5), Some(64)), "{text}");
    // The test pictures are the training pictures: whoever learned them names them.
    let top_1 = outcome["top_1"].as_f64().unwrap();
    assert!(top_1 > 80.0, "{text}");
    let told = FineTuned::load(&Storage::folder(&folder.join("tuned"))).unwrap();
    assert_eq!((told.dataset.as_str(), told.pictures, told.top_1), ("folder", 64, top_1));

    let artefact = Artefact::open(&folder.join("tuned/artefact")).unwrap();
    let probe = Probe::load(&artefact.probes_folder().join("folder-finetuned.safetensors")).unwrap();
    let mut encoder = OnnxEncoder::open(&artefact, 1).unwrap();
    let dataset = simclr_datasets::open("folder", &folder.join("pictures")).unwrap();
    let samples = dataset.split(simclr_datasets::Split::Test).unwrap();
    let pictures: Vec<Picture> = samples.iter().map(|s| s.load(&Limits::default()).unwrap()).collect();
    let rows = encoder.embed(&artefact.recipe().prepare_batch(&pictures)).unwrap();
    let is_right = |(row, label): (&simclr_models::Embedding, usize)| {
        let shares = probe.predict(row.as_slice()).unwrap();
        (0..shares.len()).all(|class| shares[class] <= shares[label])
    };
    let right = rows
        .iter()
        .zip(samples.iter().filter_map(|s| s.label.class()))
        .filter(|&pair| is_right(pair))
        .count();
    assert!((100.0 * right as f64 / 64.0 - top_1).abs() < 1e-9, "{right} {top_1}");
}

#[test]
fn from_random_weights_and_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let with = |more: &[&'static str]| {
        let fixed = ["finetune", "finetune.toml", "--data", "pictures", "--threads", "1", "--out", "random"];
        run(folder, &[&fixed[..], more].concat())
    };
    let (succeeded, said) = with(&["--from", "random", "--labels", "0.5"]);
    assert!(succeeded && said.contains("random weights") && said.contains("50 %"), "{said}");
    let (succeeded, said) = with(&["--from", "random", "--labels", "0.25"]);
    assert!(!succeeded && said.contains("another fine-tuning"), "{said}");
    let (succeeded, said) = with(&["--from", "nowhere"]);
    assert!(!succeeded && said.contains("nowhere"), "{said}");
    let (succeeded, said) = with(&["--from", "random", "--labels", "2"]);
    assert!(!succeeded && said.contains("finetune.labels"), "{said}");
}

#[test]
fn a_choice_that_diverges_is_out_and_no_choice_is_run_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let text = std::fs::read_to_string(folder.join("finetune.toml")).unwrap();
    let wild =
        text.replace("rates = [0.5, 0.00001]", "rates = [1e30, 0.5]").replace("epochs = 12", "epochs = 4");
    std::fs::write(folder.join("finetune.toml"), wild).unwrap();
    let command = "finetune finetune.toml --from random --threads 1 --data pictures --out";
    let finetune = |out| run(folder, &command.split(' ').chain([out]).collect::<Vec<_>>());
    let (succeeded, said) = finetune("tuned");
    assert!(succeeded && said.contains("0 | 0 | diverged |"), "{said}");
    let text = std::fs::read_to_string(folder.join("tuned/finetune.json")).unwrap();
    let outcome: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(outcome["rate"].as_f64(), Some(0.5), "{text}");
    assert!(outcome["trials"][0]["validation"].is_null(), "{text}");

    // Neither runs nor is judged again what has a trial, even when its checkpoints are gone.
    for choice in std::fs::read_dir(folder.join("tuned/choices")).unwrap() {
        std::fs::remove_dir_all(choice.unwrap().path().join("checkpoints")).unwrap();
    }
    let (succeeded, said) = finetune("tuned");
    assert!(succeeded && !said.contains("\"step\""), "{said}");
    assert_eq!(std::fs::read_to_string(folder.join("tuned/finetune.json")).unwrap(), text);

    // When all diverge there is nothing to go on with.
    let wild =
        std::fs::read_to_string(folder.join("finetune.toml")).unwrap().replace("[1e30, 0.5]", "[1e30, 1e31]");
    std::fs::write(folder.join("finetune.toml"), wild).unwrap();
    let (succeeded, said) = finetune("all");
    assert!(!succeeded && said.contains("every choice diverged"), "{said}");
}

#[test]
fn a_heads_layer_with_batch_norm_stays_under_the_classifier() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let edit = |name: &str, from: &str, to: &str| {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    };
    edit("tiny.toml", "batch_norm = false", "batch_norm = true");
    edit("finetune.toml", "rates = [0.5, 0.00001]", "rates = [0.5]\nhead_layers = 1");
    let where_to = ["--data", "pictures", "--threads", "1"];
    let pretrain = ["pretrain", "tiny.toml", "--out", "run", "--limit-steps", "8"];
    let (succeeded, said) = run(folder, &[&pretrain[..], &where_to[..]].concat());
    assert!(succeeded, "{said}");
    let finetune = ["finetune", "finetune.toml", "--from", "run", "--out", "tuned"];
    let (succeeded, said) = run(folder, &[&finetune[..], &where_to[..]].concat());
    assert!(succeeded, "{said}");
    let artefact = Artefact::open(&folder.join("tuned/artefact")).unwrap();
    assert!(artefact.probes_folder().join("folder-finetuned.safetensors").is_file());
}
