//! A disk without room: writes are refused and say so, searches go on, and what was acknowledged stays.
//!
//! The test runs itself as a child that may write files of a few megabytes only (RLIMIT_FSIZE); and, where it may mount
//! one, in a file system that is really full.

#![cfg(target_os = "linux")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Numbers, config, query, record};
use simclr_search::{Collection, Collections, Limits, Query, Record, SearchError};

const FOLDER: &str = "SIMCLR_SEARCH_FULL_FOLDER";
const LIMIT: &str = "SIMCLR_SEARCH_FULL_BYTES";
const DIMENSION: usize = 256;
/// Records in a write, a quarter of a megabyte.
const GROUP: usize = 256;

fn limits() -> Limits {
    let (approximate_from, cache_bytes_per_collection) = (500, 1 << 16);
    Limits { approximate_from, cache_bytes_per_collection, disk_reserve_bytes: 4 << 20, ..Limits::default() }
}

fn group_of(number: u64) -> Vec<Record> {
    let mut numbers = Numbers(number);
    (0..GROUP).map(|i| record(format!("{number:04}-{i:03}"), numbers.vector(DIMENSION))).collect()
}

fn write(collection: &Collection, group: u64) -> Result<(), SearchError> {
    collection.upsert(group_of(group)).map(|upserted| assert_eq!(upserted.inserted, GROUP))
}

/// Every record of every acknowledged group is there, with its payload, both ways; and no other.
fn all_there(collection: &Collection, groups: u64, what: &str) {
    assert_eq!(collection.count(), groups as usize * GROUP, "{what}");
    for group in 0..groups {
        for record in group_of(group).into_iter().step_by(37) {
            assert_eq!(collection.get(&record.id).expect("reads go on"), Some(record.clone()), "{what}");
            for exact in [true, false] {
                let found =
                    collection.search(&Query { exact, ..query(&record.vector, 1) }).expect("searches go on");
                assert_eq!((&found[0].id, &found[0].payload), (&record.id, &record.payload), "{what}");
            }
        }
    }
    let (mut after, mut read) = (None, 0);
    loop {
        let page = collection.page(after.as_deref(), 1000).expect("pages go on");
        let Some(last) = page.last() else { break };
        (read, after) = (read + page.len(), Some(last.id.clone()));
    }
    assert_eq!(read, groups as usize * GROUP, "{what}");
}

/// Fills the disk, goes on reading, and says how many groups were acknowledged.
fn fill(folder: &Path) -> u64 {
    let collections = Collections::open(folder, limits()).expect("opens");
    let collection = collections.create("full", config(DIMENSION)).expect("created");
    collection.upsert(vec![record("spare", vec![1.0; DIMENSION])]).expect("there is room");
    let mut groups = 0;
    let refused = loop {
        match write(&collection, groups) {
            Ok(()) => groups += 1,
            Err(error) => break error,
        }
        assert!(groups < 1000, "the disk did not fill up");
    };
    assert!(matches!(refused, SearchError::DiskFull { .. }), "{refused:?}");
    assert!(refused.to_string().contains("free space"), "{refused}");
    // A delete is how room is made, so it is not refused.
    assert_eq!(collection.delete(&["spare".to_owned()]).expect("deletes go on"), 1);
    all_there(&collection, groups, "right after the refusal");
    // Again and again, also small ones, which may still find room.
    for _ in 0..3 {
        write(&collection, groups).expect_err("it is still full");
    }
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            (0..50).for_each(|_| {
                assert_eq!(
                    collection.search(&query(&group_of(0)[5].vector, 1)).expect("found")[0].id,
                    "0000-005"
                );
            });
        });
        write(&collection, groups).expect_err("it is still full");
        reading.join().expect("searches go on while a write fails");
    });
    all_there(&collection, groups, "after more refusals");
    groups
}

/// Not a test of its own: a life with little room.
#[test]
#[ignore = "run by the tests below, in another process"]
fn child() {
    let (Ok(folder), Ok(bytes)) = (std::env::var(FOLDER), std::env::var(LIMIT)) else { return };
    let bytes: u64 = bytes.parse().expect("a number");
    if bytes > 0 {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: both calls only set this process's own limits and signals, from valid arguments.
        let set = unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit)
        };
        assert_eq!(set, 0, "the limit is set");
    }
    println!("groups {}", fill(Path::new(&folder)));
}

fn run_child(folder: &Path, bytes: u64) -> u64 {
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(LIMIT, bytes.to_string())
        .stderr(Stdio::inherit())
        .output()
        .expect("the child starts");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    let groups = text.split("groups ").nth(1).and_then(|rest| rest.split_whitespace().next());
    groups.and_then(|groups| groups.parse().ok()).unwrap_or_else(|| panic!("it said {text}"))
}

#[test]
fn a_file_that_may_not_grow_refuses_writes_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let groups = run_child(folder.path(), 48 << 20);
    assert!(groups > 2, "only {groups} groups fitted");
    // With room again everything is there, and writes go on.
    let collections = Collections::open(folder.path(), limits()).expect("opens");
    let collection = collections.get("full").expect("there");
    all_there(&collection, groups, "opened with room");
    write(&collection, groups).expect("there is room");
    all_there(&collection, groups + 1, "written with room");
}

/// A file system of its own, gone with this.
struct Mount(tempfile::TempDir);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_file_system_refuses_writes_until_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["-t", "tmpfs", "-o", "size=48m", "simclr-test"];
    let mounted = Command::new("mount").args(options).arg(folder.path()).stderr(Stdio::null()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: this user may not mount a tmpfs, so no file system was filled");
        return;
    }
    let mount = Mount(folder);
    let ballast = mount.0.path().join("ballast");
    std::fs::write(&ballast, vec![7u8; 24 << 20]).expect("written");
    let groups = run_child(mount.0.path(), 0);
    let collections = Collections::open(mount.0.path(), limits()).expect("opens on a full disk");
    let collection = collections.get("full").expect("there");
    all_there(&collection, groups, "opened on the full disk");
    // What a segment that was not sealed has left is room for some more.
    let groups =
        (groups..groups + 1000).find(|&group| write(&collection, group).is_err()).expect("it is full");
    all_there(&collection, groups, "filled again");
    std::fs::remove_file(ballast).expect("removed");
    // The same process goes on, without being started again.
    let started = Instant::now();
    while let Err(error) = write(&collection, groups) {
        assert!(started.elapsed() < Duration::from_secs(60), "{error}");
    }
    all_there(&collection, groups + 1, "with room again");
    drop((collection, collections));
}
