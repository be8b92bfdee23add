//! Acknowledged before it is synced, where that is allowed: a crash loses the last moments, in order, and nothing else.
//!
//! The test runs itself as a child, which stores records numbered from where it finds itself and says after a pause that they
//! must be on disk; the parent kills it somewhere after.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Numbers, config, query, record};
use simclr_search::{Collections, Limits, Record};

const FOLDER: &str = "SIMCLR_SEARCH_RELAXED_FOLDER";
const DIMENSION: usize = 16;
const UNSYNCED: Duration = Duration::from_millis(40);
const ROUNDS: u64 = 12;

fn limits(unsynced_max: Duration) -> Limits {
    Limits { approximate_from: 20, unsynced_max, ..Limits::default() }
}

/// What record `i` is when it is stored in a round: after a loss its sequence is given to another vector.
fn numbered(i: usize, round: u64) -> Record {
    record(format!("{i:05}"), Numbers(1000 * round + i as u64).vector(DIMENSION))
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).expect("the parent listens");
}

/// Not a test of its own: the child's life, which ends only by force.
#[test]
#[ignore = "run by the test below, in another process"]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let (folder, round) = folder.split_once('|').expect("a folder and a round");
    let collections = Collections::open(Path::new(folder), limits(UNSYNCED)).expect("opens");
    let collection = collections.create("kept", config(DIMENSION)).expect("created");
    let round = round.parse().expect("a number");
    let begin = collection.count();
    for i in begin.. {
        collection.upsert(vec![numbered(i, round)]).expect("stored");
        if i == begin + 30 {
            // As long as the sync may wait, and as it then takes on a slow disk.
            std::thread::sleep(UNSYNCED + Duration::from_secs(1));
            say(&format!("ack synced {}", i + 1));
        }
        say(&format!("ack stored {}", i + 1));
        if i > begin + 30 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// How many records a killed child said must be on disk, and how many it had stored.
fn run_and_kill(folder: &Path, round: u64) -> (usize, usize) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, format!("{}|{round}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (mut synced, mut stored, mut after) = (0, 0, 2 + Numbers(round).below(60));
    while after > 0 {
        let line = lines.next().expect("the child must not end by itself").expect("reads");
        let Some((_, ack)) = line.split_once("ack ") else { continue };
        let (word, count) = ack.split_once(' ').expect("a word and a count");
        let count = count.parse().expect("a count");
        *if word == "synced" { &mut synced } else { &mut stored } = count;
        after -= usize::from(synced > 0);
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    (synced, stored)
}

#[test]
fn a_crash_loses_the_last_moments_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut expected, mut lost) = (Vec::<Record>::new(), 0);
    for round in 0..ROUNDS {
        let (synced, stored) = run_and_kill(folder.path(), round);
        expected.extend((expected.len()..stored + 100).map(|i| numbered(i, round)));
        let collections = Collections::open(folder.path(), limits(Duration::ZERO)).expect("opens");
        let collection = collections.get("kept").expect("there");
        let count = collection.count();
        assert!(count >= synced, "round {round}: {synced} were synced and {count} are there");
        lost += stored.saturating_sub(count);
        expected.truncate(count);
        assert_eq!(collection.page(None, 10_000).expect("read"), expected, "round {round}");
        for wanted in expected.iter().step_by(7) {
            let found = collection.search(&query(&wanted.vector, 1)).expect("found");
            assert_eq!(found[0].id, wanted.id, "round {round}");
        }
        assert_eq!(
            collection.verify(0).expect("verified").damage,
            [""; 0],
            "round {round}: a loss is no damage"
        );
    }
    assert!(lost > 0, "nothing was ever unsynced: this test tests nothing");
}

#[test]
fn closing_syncs() {
    let folder = tempfile::tempdir().expect("a folder");
    let hours = limits(Duration::from_hours(5));
    let collections = Collections::open(folder.path(), hours).expect("opens");
    let collection = collections.create("kept", config(DIMENSION)).expect("created");
    collection.upsert((0..50).map(|i| numbered(i, 1)).collect()).expect("stored");
    collection.delete(&["00000".into()]).expect("deleted");
    drop((collection, collections));
    let collections = Collections::open(folder.path(), limits(Duration::ZERO)).expect("opens");
    let collection = collections.get("kept").expect("there");
    assert_eq!(collection.count(), 49);
    assert!(collection.verify(0).expect("verified").damage.is_empty());
}
