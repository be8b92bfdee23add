//! Walks through segments against their twin, exact search: what they may miss, what they must never miss.

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

/// The time that making segments took, which changes when one is made.
fn made(collection: &Collection) -> Duration {
    collection.statistics().build_time
}

#[test]
fn recall_is_high_on_clustered_vectors_and_nobody_is_lost() {
    for (count, dimension, clusters) in [(2500, 128, 25), (2000, 512, 20), (1200, 2048, 12), (1500, 2, 1)] {
        let vectors = clustered(count as u64, count + 200, dimension, clusters);
        let (stored, queries) = vectors.split_at(count);
        let (_folder, _collections, collection) = filled(stored);
        let statistics = collection.statistics();
        assert_eq!((statistics.sealed, statistics.fresh), (count, 0), "{statistics:?}");
        let recall = recall(&collection, queries);
        eprintln!("{count} × {dimension}: recall@10 {recall:.4}, {statistics:?}");
        assert!(recall >= 0.99, "recall@10 {recall} at {count} × {dimension}");
        let named = stored.iter().enumerate().map(|(i, v)| (format!("{i:05}"), v.clone()));
        assert_all_find_themselves(&collection, named);
    }
}

/// Embeddings after a rectifier, or of an encoder that has learnt little, lie in a narrow cone.
#[test]
fn recall_is_high_where_all_vectors_crowd_around_one() {
    for (count, dimension) in [(2500, 64), (1500, 512)] {
        let mut numbers = Numbers(count as u64);
        let middle: Vec<f32> = numbers.vector(dimension).iter().map(|x| 20.0 * x).collect();
        let mut vectors = clustered(3, count + 200, dimension, count / 50);
        vectors.iter_mut().for_each(|v| v.iter_mut().zip(&middle).for_each(|(x, m)| *x += m));
        let (stored, queries) = vectors.split_at(count);
        let (_folder, _collections, collection) = filled(stored);
        let recall = recall(&collection, queries);
        assert!(recall >= 0.99, "recall@10 {recall} at {count} × {dimension}");
    }
}

#[test]
fn changes_after_the_build_show_at_once() {
    let vectors = clustered(9, 2500, 64, 25);
    let (_folder, _collections, collection) = filled(&vectors);
    let built = made(&collection);
    // Some replaced, some deleted, some new: fewer than are worth a segment.
    let mut numbers = Numbers(77);
    let replaced: Vec<_> = (0..12).map(|i| record(format!("{i:05}"), numbers.vector(64))).collect();
    let new: Vec<_> = (0..12).map(|i| record(format!("new{i:02}"), numbers.vector(64))).collect();
    let deleted: Vec<String> = (200..400).map(|i| format!("{i:05}")).collect();
    collection.upsert(replaced.clone()).expect("stored");
    collection.upsert(new.clone()).expect("stored");
    assert_eq!(collection.delete(&deleted).expect("deleted"), 200);
    let now = collection.statistics();
    assert_eq!(now.build_time, built, "nothing must have been sealed: {now:?}");
    assert_eq!((now.fresh, now.dead, now.records), (24, 212, 2312));

    let changed = replaced.iter().chain(&new).map(|r| (r.id.clone(), r.vector.clone()));
    assert_all_find_themselves(&collection, changed);
    for (i, vector) in vectors.iter().enumerate().take(400) {
        let found = collection.search(&query(vector, 10)).expect("found");
        assert_eq!(found.len(), 10);
        let gone = found.iter().find(|n| deleted.contains(&n.id));
        assert_eq!(gone, None, "a deleted record was found");
        if i < 12 {
            let old = found.iter().find(|n| n.id == format!("{i:05}") && n.score > 0.999);
            assert_eq!(old, None, "a replaced vector was found");
        }
    }
    assert!(recall(&collection, &vectors[1000..1200]) >= 0.95);
}

#[test]
fn segments_are_made_again_without_the_dead_and_a_shrunken_collection_is_exact_again() {
    let vectors = clustered(10, 1200, 32, 10);
    let (folder, _collections, collection) = filled(&vectors);
    let deleted: Vec<String> = (0..500).map(|i| format!("{i:05}")).collect();
    collection.delete(&deleted).expect("deleted");
    assert!(collection.wait_until_built(PATIENCE));
    let statistics = collection.statistics();
    assert_eq!((statistics.sealed, statistics.dead, statistics.fresh), (700, 0, 0));
    let files = || std::fs::read_dir(folder.path().join("collections/many/segments")).expect("there").count();
    assert_eq!(files(), 2, "one segment and the manifest");
    let deleted: Vec<String> = (500..1100).map(|i| format!("{i:05}")).collect();
    collection.delete(&deleted).expect("deleted");
    assert_eq!(collection.search(&query(&vectors[1150], 100)).expect("found").len(), 100);
    assert_eq!(recall(&collection, &vectors[..50]), 1.0);
    collection.delete(&(1100..1200).map(|i| format!("{i:05}")).collect::<Vec<_>>()).expect("deleted");
    assert_eq!(collection.search(&query(&vectors[1150], 100)).expect("nobody is left"), []);
}

#[test]
fn recall_stays_high_with_duplicates_after_deletes_and_while_inserting() {
    for (count, dimension) in [(3000, 512), (1500, 2048)] {
        let mut vectors = clustered(5, count + 300, dimension, count / 100);
        // A tenth are copies of others.
        for i in (0..count).step_by(10) {
            vectors[i] = vectors[(i * 7 + 3) % count].clone();
        }
        let (stored, queries) = vectors.split_at(count);
        let (_folder, _collections, collection) = filled(&stored[..count / 2]);
        let recall_now = |what: &str| {
            let recall = recall(&collection, &queries[..100]);
            eprintln!("{count} × {dimension}, {what}: recall@10 {recall:.4}, {:?}", collection.statistics());
            assert!(recall >= 0.99, "{what}: {recall} at {count} × {dimension}");
        };
        for (i, chunk) in stored[count / 2..].chunks(count / 10).enumerate() {
            let first = count / 2 + i * (count / 10);
            let named = chunk.iter().enumerate().map(|(k, v)| record(format!("{:05}", first + k), v.clone()));
            collection.upsert(named.collect()).expect("stored");
            recall_now("while inserting");
        }
        assert!(collection.wait_until_built(PATIENCE));
        recall_now("all in");
        let deleted: Vec<String> = (0..count).filter(|i| i % 10 < 3).map(|i| format!("{i:05}")).collect();
        collection.delete(&deleted).expect("deleted");
        recall_now("30 % deleted");
        assert!(collection.wait_until_built(PATIENCE));
        recall_now("30 % deleted, and sealed again");
        let kept = stored.iter().enumerate().filter(|(i, _)| i % 10 >= 3);
        assert_all_find_themselves(&collection, kept.map(|(i, v)| (format!("{i:05}"), v.clone())).take(300));
    }
}

#[test]
fn many_copies_of_one_picture_are_all_found() {
    let mut vectors = clustered(11, 2000, 32, 10);
    let copy = vectors[0].clone();
    vectors[..300].fill(copy.clone());
    let (_folder, _collections, collection) = filled(&vectors);
    let statistics = collection.statistics();
    assert_eq!((statistics.sealed, statistics.nodes), (2000, 1701), "copies share a node");
    for limit in [1, 10, 200] {
        let found = collection.search(&query(&copy, limit)).expect("found");
        assert_eq!(found.len(), limit);
        assert!(found.iter().all(|n| n.score == 1.0 && n.id.as_str() < "00300"), "{found:?}");
    }
    let everyone = vectors.iter().enumerate().skip(300).map(|(i, v)| (format!("{i:05}"), v.clone()));
    assert_all_find_themselves(&collection, everyone);
}

/// Every answer to `vector` is full, names nobody twice, and scores as exact search says.
fn as_exact(collection: &Collection, vector: &[f32], limits: &[usize], what: &str) {
    for &limit in limits {
        let ask = |exact| collection.search(&Query { exact, ..query(vector, limit) }).expect("found");
        let (found, truth) = (ask(false), ask(true));
        let ids: HashSet<&str> = found.iter().map(|n| n.id.as_str()).collect();
        assert_eq!((found.len(), ids.len()), (limit, limit), "{what}: a record was found twice");
        let off = found.iter().zip(&truth).map(|(a, b)| (a.score - b.score).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5, "{what}, limit {limit}: a score is off by {off}");
    }
}

#[test]
fn copies_that_differ_in_a_hair_are_found_once_each() {
    const COPIES: usize = 300;
    for (hair, what) in [(0.0, "other lengths"), (1e-5, "other batches")] {
        let mut vectors = clustered(14, 3000, 128, 30);
        let (mut numbers, copied) = (Numbers(3), Numbers(15).vector(128));
        for (i, vector) in vectors.iter_mut().enumerate().take(COPIES) {
            let length = 1.0 + i as f32 * 0.01;
            *vector = copied.iter().map(|x| x * length * (1.0 + hair * numbers.normal())).collect();
        }
        let (_folder, _collections, collection) = filled(&vectors);
        let statistics = collection.statistics();
        assert_eq!(statistics.sealed, vectors.len());
        if hair == 0.0 {
            let nodes = vectors.len() - COPIES..vectors.len() - COPIES + 30;
            assert!(nodes.contains(&statistics.nodes), "{what}: {} nodes", statistics.nodes);
        }
        as_exact(&collection, &copied, &[1, 10, 100, 200, 290], what);
        as_exact(&collection, &vectors[COPIES + 7], &[10, 100], what);
        let everyone = vectors.iter().enumerate().skip(COPIES).map(|(i, v)| (format!("{i:05}"), v.clone()));
        assert_all_find_themselves(&collection, everyone);
    }
}

#[test]
fn nothing_of_a_small_segment_is_missed() {
    // Below half of `approximate_from`: its codes are all compared, and no walk is taken.
    let mut vectors = clustered(13, 2250, 100, 20);
    // Copies share a node, within the segment and beyond it.
    (2100..2120).for_each(|i| vectors[i] = vectors[i - 60].clone());
    (2120..2130).for_each(|i| vectors[i] = vectors[i - 2000].clone());
    let (stored, queries) = vectors.split_at(2200);
    let (_folder, _collections, collection) = filled(&stored[..2000]);
    let later = stored.iter().enumerate().skip(2000).map(|(i, v)| record(format!("{i:05}"), v.clone()));
    collection.upsert(later.collect()).expect("stored");
    assert!(collection.wait_until_built(PATIENCE));
    collection.delete(&[format!("{:05}", 2150), format!("{:05}", 2105)]).expect("deleted");
    let statistics = collection.statistics();
    assert_eq!((statistics.segments, statistics.fresh, statistics.dead), (2, 0, 2), "{statistics:?}");
    for vector in queries.iter().chain(&stored[2000..]) {
        let found = |exact| {
            let found = collection.search(&Query { exact, ..query(vector, 40) }).expect("found");
            let small = found.into_iter().filter(|n| n.id.as_str() >= "02000");
            small.map(|n| (n.id, n.score)).collect::<Vec<_>>()
        };
        let (all, exact) = (found(false), found(true));
        let missed: Vec<_> = exact.iter().filter(|one| !all.contains(one)).collect();
        assert!(missed.is_empty(), "{missed:?}");
    }
    let alive = stored.iter().enumerate().skip(2000).filter(|(i, _)| ![2105, 2150].contains(i));
    assert_all_find_themselves(&collection, alive.map(|(i, v)| (format!("{i:05}"), v.clone())));
}

#[test]
fn segments_are_there_after_a_restart_and_are_not_made_again() {
    let vectors = clustered(12, 800, 32, 10);
    let (folder, collections, collection) = filled(&vectors);
    let built = made(&collection);
    drop((collections, collection));
    let segments = folder.path().join("collections/many/segments");
    let open = || {
        let limits = Limits { approximate_from: 500, ..Limits::default() };
        let collections = Collections::open(folder.path(), limits).expect("opens again");
        let collection = collections.get("many").expect("there");
        (collections, collection)
    };
    let (collections, collection) = open();
    let statistics = collection.statistics();
    assert_eq!((statistics.sealed, statistics.fresh, statistics.building), (800, 0, false));
    assert_eq!((made(&collection), &statistics.damage), (built, &vec![]));
    assert_eq!(collection.search(&query(&vectors[5], 1)).expect("found")[0].id, "00005");
    drop((collections, collection));
    // Segments are a cache: without them everything is found, and they come back.
    std::fs::remove_dir_all(&segments).expect("removed");
    let (_collections, collection) = open();
    assert_eq!(collection.search(&query(&vectors[5], 1)).expect("found")[0].id, "00005");
    assert!(collection.wait_until_built(PATIENCE));
    assert_eq!((collection.statistics().sealed, collection.statistics().damage), (800, vec![]));
    assert!(recall(&collection, &vectors[..50]) >= 0.99);
}
