//! `kill -9` at twenty moments of a real run: it ends with the weights, bit for bit, of one that nothing happened to.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::run_folder::RunFolder;

const KILLS: usize = 20;
const STEPS: u64 = 100;

/// Begins or continues the run, one thread, a checkpoint every step.
fn spawn(folder: &Path, run: &str) -> Child {
    let is_begun = RunFolder::new(&folder.join(run)).holds_a_run().unwrap();
    let what: &[&str] = if is_begun { &["resume", run] } else { &["pretrain", "recipe.toml", "--out", run] };
    Command::new(env!("CARGO_BIN_EXE_simclr-train"))
        .current_dir(folder)
        .args(what)
        .args(["--data", "pictures", "--threads", "1", "--checkpoint-seconds", "0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(folder: &Path, run: &str) -> Checkpoint {
    let output = spawn(folder, run).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    RunFolder::new(&folder.join(run)).newest().unwrap().checkpoint
}

#[test]
fn twenty_kills_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    common::write_pictures(&folder.join("pictures"));
    let recipe = include_str!("../recipes/tiny.toml")
        .replace("dataset = \"cifar10\"", "dataset = \"folder\"")
        .replace("epochs = 12", "epochs = 25")
        + "\n[monitor]\nevery_epochs = 3\nneighbours = 30\ntemperature = 1.0\nprobe = false\n";
    std::fs::write(folder.join("recipe.toml"), recipe).unwrap();

    let started = Instant::now();
    let whole = finish(folder, "whole");
    // Start-up included, so a little more than a step takes.
    let step = started.elapsed() / u32::try_from(STEPS).unwrap();

    let mut random = ChaCha8Rng::seed_from_u64(9);
    for kill in 0..KILLS {
        let mut child = spawn(folder, "killed");
        // A line comes before its step's checkpoint is written, so kills fall before, into and after the writing.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..random.random_range(0..=2) {
            let _ = lines.next();
        }
        std::thread::sleep(step.mul_f64(random.random_range(0.0..1.0)).max(Duration::from_micros(1)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "kill {kill} came too late: give the run more steps");
    }
    let killed = finish(folder, "killed");

    assert_eq!((killed.step, killed.epochs_done, killed.epoch_loss), (STEPS, 25, whole.epoch_loss));
    assert!(killed.encoder == whole.encoder && killed.head == whole.head && killed.slots == whole.slots);
    let best = |run: &str| RunFolder::new(&folder.join(run)).best().unwrap();
    assert!(best("killed") == best("whole"), "{} and {}", best("killed").step, best("whole").step);
    for run in ["whole", "killed"] {
        let text = std::fs::read_to_string(folder.join(run).join("metrics.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let steps = |kind: &str| -> Vec<u64> {
            lines
                .iter()
                .filter(|line| line["kind"] == kind)
                .map(|line| line["step"].as_u64().unwrap())
                .collect()
        };
        assert_eq!(steps("step"), (1..=STEPS).collect::<Vec<_>>(), "one record a step, none twice");
        let looks: Vec<u64> = (12..=STEPS).step_by(12).chain([STEPS]).collect();
        assert_eq!(steps("monitor"), looks, "one look every three epochs and at the end, none twice");
    }
}
