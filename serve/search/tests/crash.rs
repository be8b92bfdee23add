//! Killed without warning, again and again: what was acknowledged is there.
//!
//! The test runs itself as a child, which upserts and deletes and prints each acknowledgement; the parent kills it
//! (SIGKILL) after a random number of them, and then asks for every one.

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Numbers, config, query, record};
use simclr_search::{Collections, Limits, Query, Record};

const FOLDER: &str = "SIMCLR_SEARCH_CRASH_FOLDER";
const ROUND: &str = "SIMCLR_SEARCH_CRASH_ROUND";
const DIMENSION: usize = 16;
const IDS: usize = 40;
/// Records that no child touches: enough for a segment that is walked through.
const STILL: usize = 700;
/// Set to run more rounds than a test run has time for: 200 take some minutes.
const ROUNDS: &str = "SIMCLR_SEARCH_CRASH_ROUNDS";
const ROUNDS_DEFAULT: u64 = 25;

fn limits() -> Limits {
    // Segments from the start, so that the builder is killed in the middle of its work too.
    Limits { approximate_from: 20, ..Limits::default() }
}

/// The record that version `version` of id `i` is.
fn version_of(i: usize, version: u64) -> Record {
    let vector = Numbers(version * 1000 + i as u64).vector(DIMENSION);
    Record { payload: serde_json::json!(version), ..record(format!("{i:02}"), vector) }
}

/// The records that stay as they are.
fn still() -> Vec<Record> {
    let mut numbers = Numbers(5);
    (0..STILL).map(|i| record(format!("still-{i:03}"), numbers.vector(DIMENSION))).collect()
}

/// Not a test of its own: the child's life, which ends only by force.
#[test]
#[ignore = "run by the test below, in another process"]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let round: u64 = std::env::var(ROUND).expect("set with the folder").parse().expect("a number");
    let collections = Collections::open(Path::new(&folder), limits()).expect("opens");
    let collection = collections.create("kept", config(DIMENSION)).expect("created");
    let mut numbers = Numbers(round);
    let mut out = std::io::stdout();
    for version in (round * 1_000_000).. {
        let i = numbers.below(IDS);
        let line = if numbers.below(4) == 0 {
            collection.delete(&[format!("{i:02}")]).expect("deleted");
            format!("ack delete {i} {version}\n")
        } else {
            let many: Vec<Record> = (0..3).map(|k| version_of((i + k) % IDS, version)).collect();
            collection.upsert(many).expect("stored");
            format!("ack upsert {i} {version}\n")
        };
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).expect("the parent listens");
    }
}

/// Runs a child, kills it after some acknowledgements, and notes all that arrived: id → version, 0 when deleted.
fn run_and_kill(folder: &Path, round: u64, known: &mut HashMap<usize, u64>) -> usize {
    let mut numbers = Numbers(round ^ 0xdead);
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (mut seen, wanted) = (0, 1 + numbers.below(40));
    let mut note = |line: String| {
        // The harness prints its own words before the first acknowledgement, on the same line.
        let Some((_, ack)) = line.split_once("ack ") else {
            return 0;
        };
        let words: Vec<&str> = ack.split(' ').collect();
        let (i, version) = (words[1].parse::<usize>().expect("id"), words[2].parse().expect("version"));
        match words[0] {
            "delete" => known.extend([(i, 0)]),
            _ => known.extend((0..3).map(|k| ((i + k) % IDS, version))),
        }
        1
    };
    while seen < wanted {
        seen += note(lines.next().expect("the child must not end by itself").expect("reads"));
    }
    // Somewhere inside the next write: no longer than a commit takes.
    let until = Instant::now() + Duration::from_micros(numbers.below(4000) as u64);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    // Acknowledgements still in the pipe count; a line the kill cut short does not.
    seen + lines.map_while(Result::ok).filter(|line| line.split(' ').count() >= 4).map(note).sum::<usize>()
}

/// Every acknowledged write must show, except where the one write in flight has overtaken it.
fn assert_nothing_lost(stored: &HashMap<usize, u64>, known: &HashMap<usize, u64>, round: u64) {
    let newest = known.values().max().copied().unwrap_or(0);
    let version = |i: &usize| stored.get(i).copied().unwrap_or(0);
    let changed: Vec<_> =
        known.iter().filter(|(i, v)| version(i) != **v).map(|(&i, &v)| (i, v, version(&i))).collect();
    let deleted = changed.iter().filter(|(_, _, now)| *now == 0).count();
    let rolled_back = changed.iter().any(|(_, _, now)| (1..=newest).contains(now));
    // A write in flight is one delete, or one upsert of three, all newer than anything acknowledged.
    let one_delete = deleted == 1 && changed.len() == 1;
    let one_upsert = deleted == 0 && changed.len() <= 3;
    assert!(
        !rolled_back && (one_delete || one_upsert),
        "round {round}: (id, acknowledged, found): {changed:?}"
    );
}

#[test]
fn acknowledged_records_survive_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut known, mut acknowledged, mut sealed) = (HashMap::new(), 0, 0);
    {
        let collections = Collections::open(folder.path(), limits()).expect("opens");
        let collection = collections.create("kept", config(DIMENSION)).expect("created");
        collection.upsert(still()).expect("stored");
        assert!(collection.wait_until_built(Duration::from_secs(60)));
    }
    let rounds = std::env::var(ROUNDS).map_or(ROUNDS_DEFAULT, |rounds| rounds.parse().expect("a number"));
    for round in 1..=rounds {
        acknowledged += run_and_kill(folder.path(), round, &mut known);
        let collections = Collections::open(folder.path(), limits()).expect("opens after the kill");
        assert_eq!(collections.problems(), []);
        let collection = collections.get("kept").expect("there");
        let statistics = collection.statistics();
        assert_eq!((&statistics.damage, &statistics.problem), (&vec![], &None), "round {round}");
        // One more than that of the records that stay.
        sealed += usize::from(statistics.segments > 1);
        let (changing, staying): (Vec<Record>, Vec<Record>) =
            collection.page(None, 1000).expect("reads").into_iter().partition(|r| r.payload.is_u64());
        assert_eq!(staying, still(), "round {round}");
        for record in changing.iter().chain(staying.iter().step_by(7)) {
            for exact in [true, false] {
                let best = collection.search(&Query { exact, ..query(&record.vector, 1) }).expect("found");
                assert_eq!(best[0].id, record.id, "round {round}, exact {exact}");
            }
        }
        assert!(collection.statistics().walks > 0, "round {round}: nothing was walked through");
        let mut stored = HashMap::new();
        for record in changing {
            let (i, version) =
                (record.id.parse().expect("an id"), record.payload.as_u64().expect("a version"));
            assert_eq!(record, version_of(i, version));
            stored.insert(i, version);
        }
        assert_nothing_lost(&stored, &known, round);
        known = stored;
    }
    eprintln!(
        "{acknowledged} writes acknowledged over {rounds} kills, {sealed} of them after a segment was made"
    );
    assert!(sealed > 0, "no segment outlived its process");
}
