//! Hundreds of clusters that have nothing to do with each other, where a walk that took a wrong turn is lost: recall of
//! searches and of filtered searches, against exact search.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{clustered, config, query};
use serde_json::{Map, Value, json};
use simclr_search::{Collection, Collections, Filter, Limits, Query, Record};

const COUNT: usize = 20_000;
const DIMENSION: usize = 512;
const CLUSTERS: usize = 400;
const QUERIES: usize = 60;
/// Each allows the records whose number it divides: from a thousandth to a half.
const SHARES: [usize; 11] = [1000, 300, 100, 50, 30, 20, 10, 7, 5, 3, 2];
const PATIENCE: Duration = Duration::from_secs(600);

fn filled(vectors: &[Vec<f32>]) -> (tempfile::TempDir, Collections, Arc<Collection>) {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = |approximate_from| Limits { approximate_from, ..Limits::default() };
    // All in before the first segment, so that there is one.
    let collections = Collections::open(folder.path(), limits(usize::MAX)).expect("opens");
    let collection = collections.create("many", config(DIMENSION)).expect("created");
    let record = |(n, vector): (usize, &Vec<f32>)| {
        let fields = SHARES.iter().map(|share| (format!("every{share}"), json!(n % share)));
        let payload = Value::Object(fields.collect::<Map<_, _>>());
        Record::new(format!("{n:05}"), vector.clone(), payload)
    };
    let records: Vec<Record> = vectors.iter().enumerate().map(record).collect();
    for some in records.chunks(1000) {
        collection.upsert(some.to_vec()).expect("stored");
    }
    drop((collection, collections));
    let collections = Collections::open(folder.path(), limits(COUNT / 2)).expect("opens again");
    let collection = collections.get("many").expect("there");
    assert!(collection.wait_until_built(PATIENCE), "the graph took too long");
    (folder, collections, collection)
}

/// Recall@10 against exact search; no answer may be shorter.
fn recall(collection: &Collection, queries: &[Vec<f32>], filter: Option<&Filter>) -> f64 {
    let ids = |vector: &Vec<f32>, exact| -> Vec<String> {
        let query = Query { exact, filter: filter.cloned(), ..query(vector, 10) };
        collection.search(&query).expect("found").into_iter().map(|n| n.id).collect()
    };
    let hits = queries.iter().map(|vector| {
        let (found, truth) = (ids(vector, false), ids(vector, true));
        assert_eq!((found.len(), truth.len()), (10, 10));
        found.iter().filter(|id| truth.contains(id)).count()
    });
    hits.sum::<usize>() as f64 / (10 * queries.len()) as f64
}

#[test]
fn walks_do_not_end_in_a_wrong_cluster() {
    let vectors = clustered(31, COUNT + QUERIES, DIMENSION, CLUSTERS);
    let (stored, queries) = vectors.split_at(COUNT);
    let (_folder, _collections, collection) = filled(stored);
    let statistics = collection.statistics();
    assert_eq!((statistics.segments, statistics.sealed, statistics.fresh), (1, COUNT, 0), "{statistics:?}");
    let mut recalls = vec![("all".to_owned(), recall(&collection, queries, None))];
    for share in SHARES {
        let filter = Filter::Equals { field: format!("every{share}"), value: json!(0) };
        recalls.push((format!("one in {share}"), recall(&collection, queries, Some(&filter))));
    }
    let deleted: Vec<String> = (0..COUNT).filter(|n| n % 5 == 0).map(|n| format!("{n:05}")).collect();
    collection.delete(&deleted).expect("deleted");
    recalls.push(("a fifth deleted".to_owned(), recall(&collection, queries, None)));
    eprintln!("{recalls:?}, {} repaired", statistics.repaired);
    let low: Vec<_> = recalls.iter().filter(|(_, recall)| *recall < 0.99).collect();
    assert!(low.is_empty(), "{low:?}");
}
