//! A segment that cannot be made: it is said why, searches go on, and it is made once it can be, without a write.

mod common;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{clustered, config, query, record};
use simclr_search::{Collection, Collections, Limits, Record};

const COUNT: usize = 300;
const DIMENSION: usize = 24;
const PATIENCE: Duration = Duration::from_secs(60);

fn limits() -> Limits {
    Limits { approximate_from: 100, seal_again_after: Duration::from_millis(1), ..Limits::default() }
}

fn records() -> Vec<Record> {
    let vectors = clustered(6, COUNT, DIMENSION, 5).into_iter().enumerate();
    vectors.map(|(i, vector)| record(format!("{i:03}"), vector)).collect()
}

fn all_are_found(collection: &Collection) {
    for record in records().into_iter().step_by(7) {
        assert_eq!(collection.search(&query(&record.vector, 1)).expect("found")[0].id, record.id);
    }
}

/// Waits until something holds of the collection.
fn wait_until(collection: &Arc<Collection>, what: &str, holds: impl Fn(&Collection) -> bool) {
    let started = Instant::now();
    while !holds(collection) {
        assert!(started.elapsed() < PATIENCE, "never {what}: {:?}", collection.statistics());
        std::thread::yield_now();
    }
}

#[test]
fn a_seal_that_failed_is_tried_again_until_it_succeeds() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = Collections::open(folder.path(), limits()).expect("opens");
    let collection = collections.create("kept", config(DIMENSION)).expect("created");
    // A file where the folder of segments should be.
    let in_the_way = folder.path().join("collections/kept/segments");
    fs::write(&in_the_way, b"").expect("written");
    collection.upsert(records()).expect("stored");
    wait_until(&collection, "failed", |collection| collection.statistics().problem.is_some());
    all_are_found(&collection);
    let statistics = collection.statistics();
    assert_eq!((statistics.segments, statistics.fresh), (0, COUNT), "{statistics:?}");
    fs::remove_file(in_the_way).expect("removed");
    wait_until(&collection, "sealed", |collection| collection.statistics().fresh == 0);
    let statistics = collection.statistics();
    assert_eq!((statistics.segments, &statistics.problem), (1, &None), "{statistics:?}");
    all_are_found(&collection);
}

#[test]
fn no_segment_is_made_of_the_disk_that_is_to_stay_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |approximate_from, disk_reserve_bytes| {
        let limits = Limits { approximate_from, disk_reserve_bytes, ..limits() };
        let collections = Collections::open(folder.path(), limits).expect("opens");
        let collection = collections.create("kept", config(DIMENSION)).expect("created or there");
        (collections, collection)
    };
    let (collections, collection) = open(usize::MAX, 0);
    collection.upsert(records()).expect("stored");
    drop((collections, collection));
    let (collections, collection) = open(100, 1 << 60);
    wait_until(&collection, "refused", |collection| collection.statistics().problem.is_some());
    let problem = collection.statistics().problem.expect("it is told");
    assert!(problem.contains("no room") && problem.contains("MB are free"), "{problem}");
    assert_eq!(collection.statistics().segments, 0);
    all_are_found(&collection);
    drop((collections, collection));
    let (_collections, collection) = open(100, 0);
    wait_until(&collection, "sealed", |collection| collection.statistics().fresh == 0);
    all_are_found(&collection);
}
