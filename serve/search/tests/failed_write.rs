//! A write that the disk refuses half way, on a file that cannot even be opened again at once.
//!
//! The tests run themselves as children, because a limit on the size of files (RLIMIT_FSIZE) is a whole process's. The file is
//! moved aside meanwhile: then the question of room finds nothing to count, and the file is not where it is opened again.

#![cfg(target_os = "linux")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Numbers, config, query, record};
use simclr_search::{Collection, Collections, Limits, Record, SearchError};

const FOLDER: &str = "SIMCLR_SEARCH_FAILED_FOLDER";
const KEPT: &str = "SIMCLR_SEARCH_FAILED_KEPT";
const DIMENSION: usize = 256;

fn limits() -> Limits {
    Limits { cache_bytes_per_collection: 1 << 16, disk_reserve_bytes: 0, ..Limits::default() }
}

fn group(number: u64, count: usize) -> Vec<Record> {
    let mut numbers = Numbers(number);
    (0..count).map(|i| record(format!("{number}-{i:04}"), numbers.vector(DIMENSION))).collect()
}

/// Lets files grow to `bytes` only, or again as they like.
fn files_may_have(bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: both calls only set this process's own limits and signals, from valid arguments.
    let set = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit)
    };
    assert_eq!(set, 0, "the limit is set");
}

/// The one file of records under a folder.
fn records_file(folder: &Path) -> PathBuf {
    let entries =
        |folder: &Path| std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "redb" => return path,
                _ => {}
            }
        }
    }
    panic!("no file of records in {}", folder.display());
}

fn all_there(collection: &Collection, records: &[Record]) {
    assert_eq!(collection.count(), records.len());
    for record in records.iter().step_by(13) {
        assert_eq!(collection.get(&record.id).expect("reads go on"), Some(record.clone()));
        assert_eq!(collection.search(&query(&record.vector, 1)).expect("searches go on")[0].id, record.id);
    }
}

/// Stores a record in a file that another process might have written to.
fn write_elsewhere(file: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let created =
        Collections::open(folder.path(), limits()).expect("opens").create("failing", config(DIMENSION));
    drop(created.expect("created"));
    let theirs = records_file(folder.path());
    std::fs::copy(file, &theirs).expect("copied");
    let collections = Collections::open(folder.path(), limits()).expect("opens");
    collections.get("failing").expect("there").upsert(group(9, 1)).expect("written");
    drop(collections);
    std::fs::copy(&theirs, file).expect("copied back");
}

/// Not a test of its own: a write fails, the file is away for a while, and comes back as it was or with more in it.
#[test]
#[ignore = "run by the tests below, in another process"]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let collections = Collections::open(Path::new(&folder), limits()).expect("opens");
    let collection = collections.create("failing", config(DIMENSION)).expect("created");
    let mut stored = group(1, 400);
    collection.upsert(stored.clone()).expect("there is room");
    let file = records_file(Path::new(&folder));
    let aside = file.with_extension("aside");
    let length = std::fs::metadata(&file).expect("there").len();
    std::fs::rename(&file, &aside).expect("moved");
    files_may_have(length);
    let refused = collection.upsert(group(2, 9000)).expect_err("it cannot grow");
    assert!(refused.to_string().contains("opening the file again"), "{refused}");
    assert!(collection.upsert(group(3, 1)).is_err(), "the file is still away");
    files_may_have(libc::RLIM_INFINITY);
    if std::env::var_os(KEPT).is_some() {
        // As if the disk had kept the write that it said had failed.
        write_elsewhere(&aside);
        std::fs::rename(&aside, &file).expect("moved back");
        let error = collection.get("1-0000").expect_err("memory and file have parted");
        assert!(!matches!(error, SearchError::CollectionNotFound { .. }), "{error}");
        collection.upsert(group(3, 1)).expect_err("nothing is written either");
        collection.search(&query(&stored[0].vector, 1)).expect_err("nothing is found either");
        return;
    }
    std::fs::rename(&aside, &file).expect("moved back");
    // Reading alone opens it again; nothing of the failed write is there, and writing goes on.
    all_there(&collection, &stored);
    collection.upsert(group(4, 20)).expect("writes go on");
    stored.extend(group(4, 20));
    all_there(&collection, &stored);
    drop((collection, collections));
    let collections = Collections::open(Path::new(&folder), limits()).expect("opens");
    all_there(&collections.get("failing").expect("there"), &stored);
}

fn run_child(kept: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder.path());
    if kept {
        command.env(KEPT, "1");
    }
    let output = command.output().expect("the child starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

#[test]
fn a_write_that_failed_is_not_there_once_its_file_opens_again() {
    run_child(false);
}

#[test]
fn a_write_that_failed_but_was_kept_ends_the_collection_until_it_is_reopened() {
    run_child(true);
}
