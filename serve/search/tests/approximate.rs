//! The graph against its twin, exact search: what it may miss, what it must never miss.

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use common::{Numbers, clustered, config, query, record};
use simclr_search::{Collection, Collections, Limits, Query};

const PATIENCE: Duration = Duration::from_secs(600);

fn filled(vectors: &[Vec<f32>]) -> (tempfile::TempDir, Collections, Arc<Collection>) {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { approximate_from: 500, ..Limits::default() };
    let collections = Collections::open(folder.path(), limits).expect("opens");
    let collection = collections.create("many", config(vectors[0].len())).expect("created");
    let records = vectors.iter().enumerate().map(|(i, v)| record(format!("{i:05}"), v.clone()));
    collection.upsert(records.collect()).expect("stored");
    assert!(collection.wait_until_built(PATIENCE), "the graph took too long");
    (folder, collections, collection)
}

/// Recall@10 over `queries`: how many of the exact ten the approximate ten hold.
fn recall(collection: &Collection, queries: &[Vec<f32>]) -> f64 {
    let ids = |query: &Query| -> HashSet<String> {
        collection.search(query).expect("found").into_iter().map(|n| n.id).collect()
    };
    let hits: usize = queries
        .iter()
        .map(|q| {
            let exact = ids(&Query { exact: true, ..query(q, 10) });
            let approximate = ids(&query(q, 10));
            assert_eq!(approximate.len(), exact.len());
            exact.intersection(&approximate).count()
        })
        .sum();
    hits as f64 / (10 * queries.len()) as f64
}

/// Every record must come first (or tie for it) when asked for by its own vector.
fn assert_all_find_themselves(collection: &Collection, vectors: impl Iterator<Item = (String, Vec<f32>)>) {
    for (id, vector) in vectors {
        let found = collection.search(&query(&vector, 10)).expect("found");
        let own = found.iter().find(|n| n.id == id);
        assert!(own.is_some_and(|n| n.score > 0.999_99), "{id} does not find itself: {found:?}");
    }
}

#[test]
fn recall_is_high_on_clustered_vectors_and_nobody_is_lost() {
    for (count, dimension, clusters) in [(2500, 128, 25), (800, 768, 10), (1500, 2, 1)] {
        let vectors = clustered(count as u64, count + 200, dimension, clusters);
        let (stored, queries) = vectors.split_at(count);
        let (_folder, _collections, collection) = filled(stored);
        let statistics = collection.statistics();
        assert_eq!(statistics.graph_points, count, "{statistics:?}");
        let recall = recall(&collection, queries);
        eprintln!("{count} × {dimension}: recall@10 {recall:.4}, {statistics:?}");
        assert!(recall >= 0.95, "recall@10 {recall} at {count} × {dimension}");
        let named = stored.iter().enumerate().map(|(i, v)| (format!("{i:05}"), v.clone()));
        assert_all_find_themselves(&collection, named);
    }
}

#[test]
fn changes_after_the_build_show_at_once() {
    let vectors = clustered(9, 2500, 64, 25);
    let (_folder, _collections, collection) = filled(&vectors);
    let built = collection.statistics();
    // Some replaced, some deleted, some new: fewer than make the graph stale.
    let mut numbers = Numbers(77);
    let replaced: Vec<_> = (0..100).map(|i| record(format!("{i:05}"), numbers.vector(64))).collect();
    let new: Vec<_> = (0..100).map(|i| record(format!("new{i:02}"), numbers.vector(64))).collect();
    let deleted: Vec<String> = (200..400).map(|i| format!("{i:05}")).collect();
    collection.upsert(replaced.clone()).expect("stored");
    collection.upsert(new.clone()).expect("stored");
    assert_eq!(collection.delete(&deleted).expect("deleted"), 200);
    let now = collection.statistics();
    assert_eq!(now.graph_build_time, built.graph_build_time, "the graph must not have been rebuilt: {now:?}");
    assert_eq!((now.fresh, now.graph_dead, now.records), (200, 300, 2400));

    let changed = replaced.iter().chain(&new).map(|r| (r.id.clone(), r.vector.clone()));
    assert_all_find_themselves(&collection, changed);
    for (i, vector) in vectors.iter().enumerate().take(400) {
        let found = collection.search(&query(vector, 10)).expect("found");
        assert_eq!(found.len(), 10);
        let gone = found.iter().find(|n| deleted.contains(&n.id));
        assert_eq!(gone, None, "a deleted record was found");
        if i < 100 {
            let old = found.iter().find(|n| n.id == format!("{i:05}") && n.score > 0.999);
            assert_eq!(old, None, "a replaced vector was found");
        }
    }
    assert!(recall(&collection, &vectors[1000..1200]) >= 0.95);
}

#[test]
fn a_stale_graph_is_rebuilt_and_a_shrunken_collection_is_exact_again() {
    let vectors = clustered(10, 1200, 32, 10);
    let (_folder, _collections, collection) = filled(&vectors);
    let deleted: Vec<String> = (0..500).map(|i| format!("{i:05}")).collect();
    collection.delete(&deleted).expect("deleted");
    assert!(collection.wait_until_built(PATIENCE));
    let statistics = collection.statistics();
    assert_eq!((statistics.graph_points, statistics.graph_dead, statistics.fresh), (700, 0, 0));
    let deleted: Vec<String> = (500..1100).map(|i| format!("{i:05}")).collect();
    collection.delete(&deleted).expect("deleted");
    assert_eq!(collection.statistics().graph_points, 0);
    assert_eq!(collection.search(&query(&vectors[1150], 100)).expect("found").len(), 100);
}

#[test]
fn many_copies_of_one_picture_are_all_found() {
    // Copies push each other out of each other's answers, so most of them cannot find themselves in the graph.
    let mut vectors = clustered(11, 2000, 32, 10);
    let copy = vectors[0].clone();
    vectors[..300].fill(copy.clone());
    let (_folder, _collections, collection) = filled(&vectors);
    let statistics = collection.statistics();
    assert!(statistics.graph_points == 2000 && statistics.graph_orphans > 100, "{statistics:?}");
    for limit in [1, 10, 200] {
        let found = collection.search(&query(&copy, limit)).expect("found");
        assert_eq!(found.len(), limit);
        assert!(found.iter().all(|n| n.score == 1.0 && n.id.as_str() < "00300"), "{found:?}");
    }
    let everyone = vectors.iter().enumerate().skip(300).map(|(i, v)| (format!("{i:05}"), v.clone()));
    assert_all_find_themselves(&collection, everyone);
}

#[test]
fn the_graph_comes_back_after_a_restart() {
    let vectors = clustered(12, 800, 32, 10);
    let (folder, collections, collection) = filled(&vectors);
    drop((collections, collection));
    let limits = Limits { approximate_from: 500, ..Limits::default() };
    let collections = Collections::open(folder.path(), limits).expect("opens again");
    let collection = collections.get("many").expect("there");
    // Before or after the build, the answer is there.
    assert_eq!(collection.search(&query(&vectors[5], 1)).expect("found")[0].id, "00005");
    assert!(collection.wait_until_built(PATIENCE));
    assert_eq!(collection.statistics().graph_points, 800);
}
