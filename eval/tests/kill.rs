//! `kill -9` at twenty moments of a real run over four datasets: what it leaves is, byte for byte, what a run leaves that
//! nothing happened to.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simclr_eval::Storage;

const KILLS: usize = 20;

/// The same words each time, relative to `home`, so that nothing in the report can tell two runs apart.
fn spawn(home: &Path) -> Child {
    let datasets = ["a", "b", "c", "d"].map(|name| format!("--dataset folder:{name}=../{name}"));
    let words = format!("run --encoder ../tiny --out out --threads 1 {}", datasets.join(" "));
    Command::new(env!("CARGO_BIN_EXE_simclr-eval"))
        .current_dir(home)
        .args(words.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs to the end; returns what was said on stderr.
fn finish(home: &Path) -> String {
    let output = spawn(home).wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    told
}

/// Every file that a run leaves, but the cache and how long it took.
fn left(home: &Path) -> BTreeMap<String, Vec<u8>> {
    let out = Storage::folder(&home.join("out"));
    let mut names = out.list().unwrap();
    names.retain(|name| !name.starts_with("cache/") && !name.ends_with("times.json"));
    names.into_iter().map(|name| (name.clone(), out.read(&name).unwrap().unwrap())).collect()
}

#[test]
fn twenty_kills_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    common::tiny_artefact(&folder.path().join("tiny"));
    for (name, each) in [("a", 120), ("b", 60), ("c", 200), ("d", 40)] {
        common::colours(&folder.path().join(name), each, 8);
    }
    let homes = ["whole", "killed"].map(|name| folder.path().join(name));
    homes.iter().for_each(|home| fs::create_dir(home).unwrap());
    let [whole, killed] = homes;

    let began = Instant::now();
    let told = finish(&whole);
    let usual = began.elapsed();
    assert!(told.contains("training pictures") && told.contains("linear probe"), "{told}");
    let expected = left(&whole);
    assert_eq!(expected.len(), 2 + 4 * 4, "{:?}", expected.keys());
    let began = Instant::now();
    let told = finish(&whole);
    let idle = began.elapsed();
    assert!(told.contains("4 evaluations, 4 finished; 0 pictures"), "{told}");
    assert!(!told.contains("linear probe"), "a finished stage was repeated: {told}");

    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (mut kills, mut rounds) = (0, 0);
    while kills < KILLS {
        let mut child = spawn(&killed);
        let mut stderr = child.stderr.take().unwrap();
        let drain = std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        // A moment of a run, not a wait for anything: some fall before the first stage, some after the last.
        std::thread::sleep(idle.mul_f64(0.3) + usual.mul_f64(random.random_range(0.0..0.25)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        drain.join().unwrap().unwrap();
        if status.signal() == Some(9) {
            kills += 1;
        } else {
            assert!(status.success());
            assert!(left(&killed) == expected, "round {rounds} left something else");
            fs::remove_dir_all(killed.join("out")).unwrap();
            rounds += 1;
        }
    }
    finish(&killed);
    let (names, expected_names): (Vec<_>, Vec<_>) =
        (left(&killed).into_keys().collect(), expected.keys().cloned().collect());
    assert_eq!(names, expected_names);
    for (name, bytes) in left(&killed) {
        assert!(bytes == expected[&name], "{name} differs after {kills} kills and {rounds} whole rounds");
    }
    eprintln!("{kills} kills, {rounds} rounds finished between them, whole run {usual:?}, idle run {idle:?}");
    assert!(usual > Duration::from_millis(200), "too short to be killed in the middle");
}

#[test]
fn an_interrupt_says_how_to_go_on() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    common::tiny_artefact(&folder.path().join("tiny"));
    for name in ["a", "b", "c", "d"] {
        common::colours(&folder.path().join(name), 200, 8);
    }
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let mut child = spawn(&home);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("test pictures")));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(lines.any(|line| line.contains("the same command goes on from here")));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    finish(&home);
}
