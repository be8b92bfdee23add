//! The program itself: pretrain, pause, resume, export, views; and what it says when it cannot.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use simclr_models::Artefact;

/// The tiny recipe on a folder of classes instead of CIFAR-10.
fn recipe(folder: &Path) -> String {
    let path = folder.join("recipe.toml");
    let text = include_str!("../recipes/tiny.toml").replace("dataset = \"cifar10\"", "dataset = \"folder\"");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn simclr_train(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simclr-train")).current_dir(folder).args(arguments).output().unwrap()
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = simclr_train(folder, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {err}");
    format!("{out}{err}")
}

fn fail(folder: &Path, arguments: &[&str]) -> String {
    let output = simclr_train(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && !said.contains("panicked"), "{arguments:?}: {said}");
    said
}

#[test]
fn pretrain_pause_resume_export() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), recipe(folder.path()));
    common::write_pictures(&folder.join("pictures"));
    let start = ["pretrain", &recipe, "--data", "pictures", "--out", "run", "--threads", "1"];

    let said = succeed(folder, &[&start[..], &["--limit-steps", "5"]].concat());
    assert!(said.contains("paused after step 5") && said.contains("simclr-train resume run"), "{said}");
    let first: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert!(
        first["loss"].is_f64() && first["rate"].is_f64() && first["pictures_per_second"].is_f64(),
        "{first}"
    );

    let said = fail(folder, &start);
    assert!(said.contains("simclr-train resume run"), "{said}");

    let said = succeed(folder, &["resume", "run", "--data", "pictures", "--threads", "1"]);
    assert!(said.contains("step 5") && said.contains("finished"), "{said}");

    succeed(folder, &["export", "run", "--out", "artefact", "--data", "sixty-four blocks"]);
    let artefact = Artefact::open(&folder.join("artefact")).unwrap();
    let training = &artefact.card().training;
    assert_eq!((training.epochs, training.data.as_str()), (12, "sixty-four blocks"));
    assert!(training.loss.is_some() && training.recipe.contains("batch = 16"));
    assert_eq!(artefact.card().name, "artefact", "a folder of encoders is searched by the folders' names");
    succeed(folder, &["export", "run", "--out", "other", "--name", "mine"]);
    assert_eq!(Artefact::open(&folder.join("other")).unwrap().card().name, "mine");
    assert_eq!((training.method.as_str(), artefact.embedding_len()), ("SimCLR (NT-Xent, τ 0.5)", 128));

    for (layers, length) in [("1", 128), ("2", 32)] {
        succeed(folder, &["export", "run", "--out", layers, "--output", layers]);
        assert_eq!(Artefact::open(&folder.join(layers)).unwrap().embedding_len(), length);
    }
    let said = fail(folder, &["export", "run", "--out", "3", "--output", "3"]);
    assert!(said.contains("2 layers") && !folder.join("3").exists(), "{said}");
    assert!(fail(folder, &["export", "run", "--out", "3", "--output", "z"]).contains("neither h nor"));
}

#[test]
fn a_run_begins_at_another_ones_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), recipe(folder.path()));
    common::write_pictures(&folder.join("pictures"));
    let start = ["pretrain", &recipe, "--data", "pictures", "--threads", "1", "--limit-steps", "1"];
    succeed(folder, &[&start[..], &["--out", "first"]].concat());
    std::fs::copy(folder.join("pictures/class-0/1.bmp"), folder.join("pictures/class-0/more.bmp")).unwrap();
    assert!(fail(folder, &["resume", "first", "--data", "pictures"]).contains("begun on 64 pictures"));
    succeed(folder, &[&start[..], &["--out", "second", "--from", "first"]].concat());
    let loss = |run: &str| -> f64 {
        let line = std::fs::read_to_string(folder.join(run).join("metrics.jsonl")).unwrap();
        serde_json::from_str::<serde_json::Value>(line.lines().next().unwrap()).unwrap()["loss"]
            .as_f64()
            .unwrap()
    };
    assert!(loss("second") < loss("first"), "{} then {}", loss("first"), loss("second"));
    let said = fail(folder, &[&start[..], &["--out", "third", "--from", "nowhere"]].concat());
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn labels_have_a_command_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, unlabelled) = (folder.path(), recipe(folder.path()));
    common::write_pictures(&folder.join("pictures"));
    let text = std::fs::read_to_string(&unlabelled).unwrap();
    let text = text.replace("kind = \"nt-xent\"\ntemperature = 0.5", "kind = \"supervised\"\nclasses = 4");
    std::fs::write(folder.join("labelled.toml"), text).unwrap();
    let how = ["--data", "pictures", "--out", "run", "--threads", "1"];

    let said = fail(folder, &[&["pretrain", "labelled.toml"], &how[..]].concat());
    assert!(said.contains("simclr-train supervised"), "{said}");
    let said = fail(folder, &[&["supervised", &unlabelled], &how[..]].concat());
    assert!(said.contains("simclr-train pretrain"), "{said}");

    let said = succeed(folder, &[&["supervised", "labelled.toml"], &how[..]].concat());
    assert!(said.contains("finished"), "{said}");
    succeed(folder, &["export", "run", "--out", "artefact"]);
    assert_eq!(Artefact::open(&folder.join("artefact")).unwrap().card().training.method, "supervised");
    assert!(fail(folder, &["export", "run", "--out", "x", "--output", "1"]).contains("only h"));
}

#[test]
fn whole_steps_are_timed_on_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), recipe(folder.path()));
    common::write_pictures(&folder.join("pictures"));
    let how = ["--data", "pictures", "--steps", "2", "--threads", "1"];
    let said = succeed(folder, &[&["bench-loop", &recipe], &how[..]].concat());
    let figure: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert!(figure["pictures_per_second"].as_f64().unwrap() > 0.0 && figure["batch"] == 16, "{said}");
}

#[test]
fn a_damaged_checkpoint_is_gone_back_behind_and_the_best_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), recipe(folder.path()));
    common::write_pictures(&folder.join("pictures"));
    let how = ["--data", "pictures", "--threads", "1", "--checkpoint-seconds", "0", "--keep", "3"];
    let start = ["pretrain", &recipe, "--out", "run", "--limit-steps", "5"];
    succeed(folder, &[&start, &how[..]].concat());
    let checkpoints = folder.join("run/checkpoints");
    std::fs::write(checkpoints.join("step-0000000005.safetensors"), "half a checkpo").unwrap();
    std::fs::write(checkpoints.join("step-0000000006.safetensors.writing"), "x").unwrap();

    let said = succeed(folder, &[&["resume", "run", "--limit-steps", "6"], &how[..]].concat());
    assert!(
        said.contains("WARNING") && said.contains("step-0000000005") && said.contains("step 4"),
        "{said}"
    );
    let mut names: Vec<String> = std::fs::read_dir(&checkpoints)
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = ["best", "step-0000000004", "step-0000000005", "step-0000000005", "step-0000000006"];
    assert!(names.iter().zip(expected).all(|(name, start)| name.starts_with(start)), "{names:?}");
    assert!(names.len() == 5 && names[3].ends_with(".damaged"), "{names:?}");

    let said = succeed(folder, &["export", "run", "--best", "--out", "artefact"]);
    assert!(said.contains("agree"), "{said}");
    assert!(fail(folder, &["export", "none", "--best", "--out", "other"]).contains("none"));
}

#[test]
fn a_time_limit_keeps_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), recipe(folder.path()));
    common::write_pictures(&folder.join("pictures"));
    let how = ["--data", "pictures", "--out", "run", "--threads", "1", "--limit-seconds", "0"];
    let said = succeed(folder, &[&["pretrain", &recipe], &how[..]].concat());
    assert!(said.contains("paused after step 1"), "{said}");
    assert!(folder.join("run/checkpoints/step-0000000001.safetensors").is_file());
}

#[test]
fn views_are_a_sheet_to_look_at_and_lines_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), recipe(folder.path()));
    common::write_pictures(&folder.join("pictures"));
    let sheet = ["views", &recipe, "--data", "pictures", "--out", "views.png"];
    let said = succeed(folder, &[&sheet[..], &["--pictures", "3", "--columns", "5", "--json"]].concat());
    let lines: Vec<serde_json::Value> =
        said.lines().filter(|l| l.starts_with('{')).map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 3 * 5);
    assert_eq!((&lines[14]["row"], &lines[14]["column"]), (&2.into(), &5.into()));
    assert_eq!((&lines[14]["epoch"], &lines[14]["view"]), (&2.into(), &0.into()));
    assert!(lines[14]["draw"]["crop"]["width"].is_f64(), "{}", lines[14]);
    // 32 pixels enlarged three times with two white ones on each side; the original and five views.
    let decode = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        simclr_models::Picture::decode(&bytes, &simclr_models::Limits::default()).unwrap()
    };
    let png = decode(&folder.join("views.png"));
    assert_eq!((png.width(), png.height()), (6 * 100, 3 * 100));
    assert_eq!(png.rgb()[3 * 599..3 * 600], [255, 255, 255]);
    // The first column is the picture that the first line names, pixel by pixel.
    let tile = |x: u32, y: u32| &png.rgb()[(3 * (600 * (102 + 3 * y) + 2 + 3 * x)) as usize..][..3];
    let index = lines[1]["picture"].as_u64().unwrap();
    let classes = (0..4).map(|class| folder.join(format!("pictures/class-{class}")));
    let mut files: Vec<_> = classes
        .flat_map(|class| std::fs::read_dir(class).unwrap().map(|file| file.unwrap().path()))
        .collect();
    files.sort();
    let original = decode(&files[index as usize]);
    let rgb = |x: u32, y: u32| &original.rgb()[(3 * (32 * y + x)) as usize..][..3];
    assert!((0..32).all(|i| tile(i, (i * 5) % 32) == rgb(i, (i * 5) % 32)));
    assert!(fail(folder, &[&sheet[..], &["--columns", "0"]].concat()).contains("--columns"));
}

#[test]
fn what_is_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), recipe(folder.path()));
    common::write_pictures(&folder.join("pictures"));
    let pretrain = |rest: &[&str]| fail(folder, &[&["pretrain", &recipe, "--out", "run"], rest].concat());

    assert!(
        fail(folder, &["pretrain", "none.toml", "--data", "pictures", "--out", "run"]).contains("none.toml")
    );
    assert!(pretrain(&["--data", "nowhere"]).contains("nowhere"));
    assert!(fail(folder, &["resume", "no-run", "--data", "pictures"]).contains("no-run"));
    std::fs::write(folder.join("pictures/class-1/3.bmp"), "not a picture").unwrap();
    let said = pretrain(&["--data", "pictures"]);
    assert!(said.contains("3.bmp") && said.contains("data.broken_max"), "{said}");
    let text = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, text.replace("side = 32\n\n[enc", "side = 32\nbroken_max = 0.02\n\n[enc"))
        .unwrap();
    let how = ["pretrain", &recipe, "--out", "run", "--data", "pictures", "--limit-steps", "1"];
    let said = succeed(folder, &how);
    assert!(said.contains("WARNING: left out") && said.contains("63 pictures in memory"), "{said}");
}

#[test]
fn a_gpu_that_is_not_there_is_an_error() {
    if Path::new("/dev/nvidiactl").exists() {
        eprintln!("SKIPPED: this machine has an NVIDIA device");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), recipe(folder.path()));
    common::write_pictures(&folder.join("pictures"));
    let how = ["--data", "pictures", "--out", "run", "--device", "cuda"];
    let said = fail(folder, &[&["pretrain", &recipe], &how[..]].concat());
    assert!(said.contains("CUDA was asked for") && said.contains("--device cpu"), "{said}");
}
