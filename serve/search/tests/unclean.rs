//! A file that a killed process left and a disk then damaged: what was acknowledged is there, or the damage is told.
//!
//! The test runs itself as a child, so that the file is never closed. What the last commit wrote is found by comparing the
//! file with itself before it: damage there must not look like a commit that never was.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use common::{Numbers, config, record};
use simclr_search::{Collections, Limits, Record, SearchError};

const FOLDER: &str = "SIMCLR_SEARCH_UNCLEAN_FOLDER";
const DIMENSION: usize = 24;
const PAGE: usize = 4096;
/// The byte of the file that says which of the last two commits is the last; nothing else knows.
const WHICH: usize = 9;

fn group(number: u64) -> Vec<Record> {
    let mut numbers = Numbers(number);
    (0..30).map(|i| record(format!("{number}-{i:02}"), numbers.vector(DIMENSION))).collect()
}

fn say(word: &str) {
    let mut out = std::io::stdout();
    out.write_all(format!("{word}\n").as_bytes()).and_then(|()| out.flush()).expect("the parent listens");
}

/// Not a test of its own: writes, waits to be told to write once more, and waits to be killed.
#[test]
#[ignore = "run by the test below, in another process"]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let collections = Collections::open(Path::new(&folder), Limits::default()).expect("opens");
    let collection = collections.create("victim", config(DIMENSION)).expect("created");
    for number in 0..6 {
        collection.upsert(group(number)).expect("stored");
    }
    say("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the parent speaks");
    collection.upsert(group(6)).expect("stored");
    say("done");
    std::io::stdin().read_line(&mut line).expect("the parent kills");
}

fn wait_for(word: &str, lines: &mut Lines<BufReader<ChildStdout>>) {
    while !lines.next().expect("the child must not end by itself").expect("reads").contains(word) {}
}

/// The file before the last commit and after it, as the killed child left it; and where it lies.
fn killed(folder: &Path) -> (Vec<u8>, Vec<u8>, PathBuf) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let file = folder.join("collections/victim/records.redb");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    wait_for("ready", &mut lines);
    let before = fs::read(&file).expect("reads");
    child.stdin.as_mut().expect("piped").write_all(b"go on\n").expect("it listens");
    wait_for("done", &mut lines);
    child.kill().expect("killed");
    child.wait().expect("gone");
    let after = fs::read(&file).expect("reads");
    (before, after, file)
}

/// Opens the file with these bytes: all is there, or the collection is refused as damaged.
fn whole_or_reported(folder: &Path, file: &Path, bytes: &[u8], what: &str) -> bool {
    fs::write(file, bytes).expect("writes");
    let collections = Collections::open(folder, Limits::default()).expect("the folder opens");
    match collections.get("victim") {
        Ok(victim) => {
            let stored: Vec<Record> = (0..7).flat_map(group).collect();
            assert_eq!(victim.page(None, 1000).expect("reads"), stored, "{what}: silent loss");
            true
        }
        Err(error) => {
            assert!(matches!(error, SearchError::Damaged { .. }), "{what}: {error}");
            false
        }
    }
}

#[test]
fn damage_to_what_the_last_commit_wrote_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after, file) = killed(folder.path());
    assert!(whole_or_reported(folder.path(), &file, &after, "as it was left"), "a kill is no damage");
    let mut numbers = Numbers(17);
    let old = |position: usize| before.get(position).copied().unwrap_or(0);
    let changed: Vec<usize> = (0..after.len()).filter(|&i| after[i] != old(i) && i != WHICH).collect();
    let (mut pages, mut reported, mut whole) = (0, 0, 0);
    for page in changed.chunk_by(|a, b| a / PAGE == b / PAGE) {
        let start = page[0] / PAGE * PAGE;
        let mut damaged: Vec<(String, Vec<u8>)> = Vec::new();
        for _ in 0..4 {
            let (position, mut bytes) = (page[numbers.below(page.len())], after.clone());
            bytes[position] ^= 1 << numbers.below(8);
            damaged.push((format!("byte {position} flipped"), bytes));
        }
        let mut bytes = after.clone();
        bytes[start..start + PAGE].fill(0);
        damaged.push((format!("the page at {start} zeroed"), bytes));
        // The first page as it was before would be the file as it was before, but for pages that nothing leads to.
        if start > 0 {
            let mut bytes = after.clone();
            (start..start + PAGE).for_each(|position| bytes[position] = old(position));
            damaged.push((format!("the page at {start} never written"), bytes));
        }
        damaged.push((format!("cut at {start}"), after[..start].to_vec()));
        for (what, bytes) in damaged {
            match whole_or_reported(folder.path(), &file, &bytes, &what) {
                true => whole += 1,
                false => reported += 1,
            }
        }
        pages += 1;
    }
    eprintln!("{pages} pages: {reported} reported, {whole} harmless");
    assert!(pages > 2 && reported > 5 * pages / 2, "{reported} reported of {pages} pages, {whole} harmless");
}
