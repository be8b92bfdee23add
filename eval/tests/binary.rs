//! The real binary on small datasets; embeddings come from ONNX Runtime.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use simclr_eval::{Count, Outcome, Probe, Storage};
use simclr_models::Artefact;

/// Runs the program with words that hold no spaces.
fn eval(words: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_simclr-eval");
    Command::new(program).args(words.split_whitespace()).output().unwrap()
}

fn stdout(words: &str) -> String {
    let output = eval(words);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

fn stderr_of_failure(words: &str) -> String {
    let output = eval(words);
    assert!(!output.status.success(), "{words} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_artefact_and_both_baselines_are_judged() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().display();
    common::colours(&home.path().join("data"), 24, 8);
    common::tiny_artefact(&home.path().join("tiny"));
    let words = format!(
        "run --encoder {at}/tiny,random,pixels --dataset folder={at}/data --out {at}/out --threads 1"
    );
    let output = eval(&format!("{words} --json"));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");

    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let scores = report["scores"].as_array().unwrap();
    let encoders: Vec<&str> = scores.iter().map(|s| s["encoder"].as_str().unwrap()).collect();
    let [tiny, random, pixels] = ["tiny", "random-resnet10-w0.25-small-picture-seed0", "pixels"];
    assert_eq!(encoders, [[tiny; 9], [random; 9], [pixels; 9]].concat());
    assert_eq!((&scores[24]["method"], &scores[24]["metric"]), (&"linear".into(), &"top-1".into()));
    assert!(scores[24]["value"].as_f64().unwrap() > 90.0, "three colours: {report}");
    assert_eq!(report["probes"][0]["trials"].as_array().unwrap().len(), 45);

    let lines = told.lines().filter(|l| l.starts_with('{'));
    let lines: Vec<Value> = lines.map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(lines.iter().any(|l| l["step"] == "linear probe" && l["done"] == 46), "{told}");
    let page = fs::read_to_string(home.path().join("out/report.md")).unwrap();
    assert!(page.contains("| tiny |") && page.contains("| pixels |"), "{page}");
    let out = Storage::folder(&home.path().join("out"));
    let outcomes = Outcome::load_all(&out).unwrap();
    let (folder, outcome) = &outcomes[2];
    assert_eq!((outcomes.len(), outcome.encoder.as_str(), outcome.scores.len()), (3, tiny, 9));
    assert_eq!(outcome.pictures.train, Some(Count { used: 72, official: 72 }));
    let predictions = Outcome::load_predictions(folder).unwrap();
    assert_eq!((predictions.scores.len(), predictions.knn.len(), predictions.labels.len()), (45, 15, 15));
    assert_eq!(Outcome::load_samples(folder).unwrap().len(), 15);
    let names: Vec<String> = outcomes.iter().map(|(_, o)| simclr_eval::folder_name(&o.encoder)).collect();
    let compared = stdout(&format!("compare {at}/out/{} {at}/out/{} --json", names[2], names[0]));
    let compared: Value = serde_json::from_str(&compared).unwrap();
    let row = &compared["comparisons"][0];
    assert_eq!((&compared["a"], &row["dataset"]), (&tiny.into(), &"folder".into()));
    assert!(row["p"].as_f64().unwrap() <= 1.0 && row["mcnemar"].is_number(), "{compared}");
    let both =
        stdout(&format!("report {at}/out {at}/out --html {at}/page.html --markdown {at}/page.md --json"));
    let both: Value = serde_json::from_str(&both).unwrap();
    assert_eq!(both["results"].as_array().unwrap().len(), 3, "{both}");
    let page = fs::read_to_string(home.path().join("page.html")).unwrap();
    assert!(page.contains("pixels") && page.contains("</html>"));
    assert!(fs::read_to_string(home.path().join("page.md")).unwrap().contains("| pixels |"));
}

#[test]
fn the_card_and_the_artefacts_probes_are_written_when_asked() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().display();
    common::colours(&home.path().join("data"), 12, 8);
    let folder = home.path().join("tiny");
    common::tiny_artefact(&folder);
    let words = format!("run --encoder {at}/tiny --dataset folder={at}/data --out {at}/out --threads 1");
    stdout(&words);
    let untouched = Artefact::open(&folder).unwrap();
    assert!(untouched.card().scores.is_empty() && !untouched.probes_folder().exists());

    for _ in 0..2 {
        stdout(&format!("{words} --write-card --install-probe"));
    }
    let artefact = Artefact::open(&folder).unwrap();
    assert_eq!(artefact.card().scores.len(), 2);
    assert!(artefact.card().scores[1].command.starts_with("simclr-eval run --encoder "));
    let probe = Probe::load(&artefact.probes_folder().join("folder.safetensors")).unwrap();
    assert_eq!(probe, Probe::load(&home.path().join("out/tiny/classifiers/folder.safetensors")).unwrap());
    assert_eq!(probe.space_key, artefact.space_key());
    assert_eq!(probe.embedding_len, artefact.embedding_len());
    assert_eq!(probe.classes, ["blue", "green", "red"]);
    assert_eq!(probe.score, Some(artefact.card().scores[1].value));
}

#[test]
fn embeddings_are_written_for_other_programs() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().display();
    common::colours(&home.path().join("data"), 5, 16);
    let spec = "random:depth=10,width=0.25,stem=small-picture,seed=3";
    let words = format!("embed --encoder {spec} --dataset folder={at}/data --out {at}/out");
    let summary: Value = serde_json::from_str(&stdout(&format!("{words} --json"))).unwrap();
    assert_eq!(summary["splits"]["train"], serde_json::json!([15, 128]));
    let bytes = |name: &str| fs::metadata(home.path().join("out").join(name)).unwrap().len();
    assert_eq!(bytes("train.npy"), 128 + 15 * 128 * 4);
    assert_eq!(bytes("train-labels.npy"), 128 + 15 * 8);
    assert!(stderr_of_failure(&format!("{words} --split test")).contains("no such split"));
}

#[test]
fn data_are_checked_and_mistakes_are_explained() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().display();
    common::colours(&home.path().join("data"), 3, 16);
    let check = format!("check-data --dataset folder={at}/data --decode");
    let line: Value = serde_json::from_str(&stdout(&format!("{check} --json"))).unwrap();
    assert_eq!(line["splits"]["train"], 9);
    assert_eq!(line["broken"], serde_json::json!([]));
    fs::write(home.path().join("data/red/0001.bmp"), b"BM").unwrap();
    let output = eval(&check);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && text.contains("red/0001.bmp"), "{text}");

    assert!(stderr_of_failure("check-data --dataset mnist=.").contains("cifar10, cifar100"));
    assert!(stderr_of_failure("check-data --dataset cifar10").contains("name=folder"));
    let run =
        |encoder: &str| stderr_of_failure(&format!("run --encoder {encoder} --dataset folder={at}/data"));
    assert!(run("no/such/artefact").contains("no/such/artefact"));
    assert!(run("random").contains("say which network"));
}

#[cfg(unix)]
#[test]
fn real_photographs_are_told_apart_better_than_by_chance() {
    let Some(data) = std::env::var_os("SIMCLR_TEST_DATA") else {
        eprintln!("SKIPPED: set SIMCLR_TEST_DATA to the folder of real test pictures");
        return;
    };
    let from = Path::new(&data).join("transfer/caltech101/101_ObjectCategories");
    let home = tempfile::tempdir().unwrap();
    let at = home.path().display();
    fs::create_dir(home.path().join("data")).unwrap();
    let mut classes: Vec<_> = fs::read_dir(&from).unwrap().map(|item| item.unwrap().file_name()).collect();
    classes.retain(|class| class != "BACKGROUND_Google");
    classes.sort();
    for class in &classes[..5] {
        std::os::unix::fs::symlink(from.join(class), home.path().join("data").join(class)).unwrap();
    }
    let spec = "random:depth=10,width=0.25,stem=small-picture";
    // Where everyone votes, the plain vote is chance; a handful of neighbours is not.
    let run = format!("run --encoder {spec} --dataset folder={at}/data --neighbours 5 --out {at}/out --json");
    let report: Value = serde_json::from_str(&stdout(&run)).unwrap();
    for score in report["scores"].as_array().unwrap() {
        // Of errors less is better.
        if score["metric"] == "calibration error" {
            continue;
        }
        let least = if score["method"] == "linear" { 40.0 } else { 22.0 };
        assert!(score["value"].as_f64().unwrap() > least, "chance is 20: {score}");
    }
}

/// Far fewer training pictures than features, and classes that none of them shows.
#[test]
fn what_is_here_of_voc2007_is_judged() {
    let Some(data) = std::env::var_os("SIMCLR_TEST_DATA") else {
        eprintln!("SKIPPED: set SIMCLR_TEST_DATA to the folder of real test pictures");
        return;
    };
    let voc = Path::new(&data).join("transfer/voc2007/VOC2007");
    let artefacts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/artefacts");
    let shipped = fs::read_dir(artefacts).unwrap().next().unwrap().unwrap().path();
    let home = tempfile::tempdir().unwrap();
    let (encoder, voc, out) = (shipped.display(), voc.display(), home.path().display());
    let run = format!("run --encoder {encoder} --dataset voc2007={voc} --partial --out {out}/out --json");
    let report: Value = serde_json::from_str(&stdout(&run)).unwrap();
    let scores = report["scores"].as_array().unwrap();
    assert!(scores.iter().any(|score| score["method"] == "linear"), "{report}");
}

#[test]
fn shards_do_the_whole_and_datasets_are_found_by_their_folders() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().display();
    common::tiny_artefact(&home.path().join("tiny"));
    for (name, each) in [("a", 30), ("b", 20), ("c", 25)] {
        common::colours(&home.path().join(name), each, 8);
    }
    let datasets = ["a", "b", "c"].map(|name| format!("--dataset folder:{name}={at}/{name}")).join(" ");
    let run = format!("run --encoder {at}/tiny {datasets} --threads 1 --out {at}");
    let plan = eval(&format!("{run}/shards --shard 1/2 --plan-only"));
    let told = String::from_utf8(plan.stderr).unwrap();
    assert!(told.contains("plan: 2 evaluations, 0 finished; 135 pictures"), "{told}");
    for shard in ["0/2", "1/2"] {
        assert!(stdout(&format!("{run}/shards --shard {shard}")).contains("simclr-eval report"));
    }
    stdout(&format!("{run}/whole"));
    let merged = |folder: &str| stdout(&format!("report {at}/{folder} --json"));
    assert_eq!(merged("shards"), merged("whole"));
    let classifiers: Vec<_> = fs::read_dir(home.path().join("shards/tiny/classifiers")).unwrap().collect();
    assert_eq!(classifiers.len(), 3);

    assert!(stderr_of_failure(&format!("{run}/x --shard 2/2")).contains("numbered from 0 to 1"));
    let twice =
        format!("run --encoder pixels --dataset folder:a={at}/a --dataset folder:a={at}/b --out {at}/x");
    assert!(stderr_of_failure(&twice).contains("two datasets are called folder-a"));
    fs::create_dir_all(home.path().join("data/CIFAR-10")).unwrap();
    let found = format!("run --encoder pixels --data {at}/data --out {at}/x --datasets");
    let told = stderr_of_failure(&format!("{found} all"));
    assert!(told.contains("plan: cifar10: left out:") && told.contains("data/CIFAR-10"), "{told}");
    assert!(stderr_of_failure(&format!("{found} cifar10")).contains("data/CIFAR-10"));
    assert!(stderr_of_failure(&format!("{found} nothing")).contains("nothing"));
}
