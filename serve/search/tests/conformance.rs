//! One suite for every store: what holds for the embedded one holds for a Milvus cluster.
//!
//! The Milvus half (feature `milvus`) uses the server that SIMCLR_TEST_MILVUS names; `tools/milvus/run` starts one and sets it.

mod common;
#[path = "conformance/contents.rs"]
mod contents;
#[path = "conformance/grouping.rs"]
mod grouping;
#[cfg(feature = "milvus")]
#[path = "conformance/milvus.rs"]
mod milvus;
#[path = "conformance/searching.rs"]
mod searching;

use std::sync::Arc;

use common::{Numbers, clustered, config, query, record};
use serde_json::{Value, json};
use simclr_search::{
    CollectionConfig, Collections, Limits, Record, SearchError, VectorCollection, VectorStore,
};

const DIMENSION: usize = 2048;
const COUNT: usize = 2000;

fn id(i: usize) -> String {
    format!("{i:04}")
}

/// `rare` is of two records in two thousand, `few` of one in a hundred, `half` of every other.
fn payload(i: usize) -> Value {
    json!({"rare": i % 1000 == 7, "few": i % 100, "half": (if i.is_multiple_of(2) { "even" } else { "odd" }), "deep": {"list": [i % 3, "x"]},
        "text": format!("\"quoted\" \\ ü {i}")})
}

fn filled(store: &dyn VectorStore, name: &str) -> (Arc<dyn VectorCollection>, Vec<Record>) {
    let collection = store.create(name, config(DIMENSION)).expect("created");
    let vectors = clustered(11, COUNT, DIMENSION, 20).into_iter().enumerate();
    let records: Vec<Record> = vectors.map(|(i, vector)| Record::new(id(i), vector, payload(i))).collect();
    for part in records.chunks(500) {
        let upserted = collection.upsert(part.to_vec()).expect("stored");
        assert_eq!((upserted.inserted, upserted.replaced), (part.len(), 0));
    }
    (collection, records)
}

fn writing(store: &dyn VectorStore) {
    let collection = store.create("written", config(3)).expect("created");
    let at = |vector: [f32; 3]| query(&vector, 10);
    let stored = collection
        .upsert(vec![record("a", vec![1.0, 0.0, 0.0]), record("b", vec![0.0, 2.0, 0.0])])
        .expect("stored");
    assert_eq!((stored.inserted, stored.replaced), (2, 0));
    // The same twice, another vector under the same id, and one id twice in a request.
    let stored = collection.upsert(vec![record("a", vec![1.0, 0.0, 0.0])]).expect("stored");
    assert_eq!((stored.inserted, stored.replaced), (0, 1));
    let both = vec![
        record("a", vec![9.0, 9.0, 9.0]),
        record("a", vec![0.0, 0.0, 1.0]),
        record("c", vec![1.0, 1.0, 0.0]),
    ];
    let stored = collection.upsert(both).expect("stored");
    assert_eq!((stored.inserted, stored.replaced, collection.count().expect("counted")), (1, 2, 3));
    assert_eq!(collection.get("a").expect("read").expect("there").vector, [0.0, 0.0, 1.0]);
    assert_eq!(collection.search(&at([0.0, 0.0, 1.0])).expect("found")[0].id, "a");
    // Duplicates: one picture under two ids is found under both, in the order of their ids.
    collection.upsert(vec![record("b2", vec![0.0, 4.0, 0.0])]).expect("stored");
    let found = collection.search(&at([0.0, 1.0, 0.0])).expect("found");
    assert_eq!((found[0].id.as_str(), found[1].id.as_str()), ("b", "b2"));
    assert_eq!(collection.delete(&["b".into(), "nobody".into(), "b".into()]).expect("deleted"), 1);
    assert_eq!((collection.get("b").expect("read"), collection.count().expect("counted")), (None, 3));
    let found = collection.search(&at([0.0, 1.0, 0.0])).expect("found");
    assert_eq!((found[0].id.as_str(), found.len()), ("b2", 3));
    for payload in [
        json!(null),
        json!("text"),
        json!([1, 2.5, {"a": null}]),
        json!({"n": -0.1, "m": u32::MAX, "ü": "\n\"\\"}),
    ] {
        collection
            .upsert(vec![Record { payload: payload.clone(), ..record("p", vec![1.0, 2.0, 3.0]) }])
            .expect("stored");
        assert_eq!(collection.get("p").expect("read").expect("there").payload, payload);
    }
    store.delete("written").expect("deleted");
}

fn refusals(store: &dyn VectorStore) {
    let collection = store.create("re-fused.1", config(3)).expect("created");
    for bad in [vec![f32::NAN, 0.0, 0.0], vec![f32::INFINITY, 0.0, 0.0], vec![0.0; 3], vec![1.0; 2], vec![]] {
        let refused = collection.upsert(vec![record("good", vec![1.0; 3]), record("bad", bad.clone())]);
        assert!(refused.is_err(), "{bad:?} was stored");
        assert!(collection.search(&query(&bad, 1)).is_err(), "{bad:?} was searched for");
    }
    assert_eq!(collection.count().expect("counted"), 0);
    assert!(matches!(collection.upsert(vec![record("", vec![1.0; 3])]), Err(SearchError::BadId { .. })));
    assert!(matches!(collection.search(&query(&[1.0; 3], 0)), Err(SearchError::BadLimit { .. })));
    assert!(matches!(collection.require_space("another"), Err(SearchError::OtherSpace { .. })));
    assert!(matches!(store.get("nowhere"), Err(SearchError::CollectionNotFound { .. })));
    assert!(matches!(store.delete("nowhere"), Err(SearchError::CollectionNotFound { .. })));
    assert!(matches!(store.create("no/name", config(3)), Err(SearchError::BadName { .. })));
    let other = CollectionConfig::new(3, "other");
    assert!(matches!(store.create("re-fused.1", other), Err(SearchError::CollectionExists { .. })));
    assert_eq!(store.create("re-fused.1", config(3)).expect("the same").config(), &config(3));
    let names: Vec<String> = store.list().expect("listed").iter().map(|c| c.name().to_owned()).collect();
    assert_eq!((names, store.problems().len()), (vec!["re-fused.1".to_owned()], 0));
    store.delete("re-fused.1").expect("deleted");
    assert_eq!(store.list().expect("listed").len(), 0);
}

fn paging(store: &dyn VectorStore) {
    let collection = store.create("paged", config(2)).expect("created");
    // Upserted in no order, so that the order of the pages is the store's doing.
    let mut ids: Vec<String> = (0..950).map(|i| id(i * 7919 % 950)).collect();
    for part in ids.chunks(100) {
        collection
            .upsert(part.iter().map(|id| record(id, vec![1.0, id.len() as f32])).collect())
            .expect("stored");
    }
    ids.sort();
    let (mut after, mut read) = (None, Vec::new());
    loop {
        let page = collection.page(after.as_deref(), 77).expect("a page");
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        assert!(page.iter().all(|found| *found == record(&found.id, vec![1.0, 4.0])));
        read.extend(page.into_iter().map(|record| record.id));
    }
    assert_eq!(read, ids);
    store.delete("paged").expect("deleted");
}

fn large_batches_and_two_writers(store: &dyn VectorStore) {
    let collection = store.create("large", config(DIMENSION)).expect("created");
    // 4,400 × 2,048 numbers of 4 bytes are 36 MB in one request.
    let mut numbers = Numbers(3);
    let records: Vec<Record> = (0..4400).map(|i| record(id(i), numbers.vector(DIMENSION))).collect();
    assert_eq!(collection.upsert(records.clone()).expect("stored").inserted, 4400);
    assert_eq!(collection.page(Some("3989"), 600).expect("a page"), records[3990..]);
    std::thread::scope(|scope| {
        for writer in ["x", "y"] {
            let (collection, records) = (&collection, &records);
            scope.spawn(move || {
                for (i, of) in records[..40].iter().enumerate() {
                    collection
                        .upsert(vec![record(format!("{writer}{i:02}"), of.vector.clone())])
                        .expect("stored");
                    collection.upsert(vec![record("shared", of.vector.clone())]).expect("stored");
                }
            });
        }
    });
    assert_eq!(collection.count().expect("counted"), 4400 + 80 + 1);
    let found = collection.search(&query(&records[5].vector, 3)).expect("found");
    assert_eq!(found.iter().map(|n| n.id.as_str()).collect::<Vec<_>>(), ["0005", "x05", "y05"]);
    store.delete("large").expect("deleted");
}

fn everything(store: &dyn VectorStore) {
    refusals(store);
    writing(store);
    paging(store);
    contents::contents(store);
    grouping::duplicates(store);
    searching::searching_and_filters(store);
    large_batches_and_two_writers(store);
}

#[test]
fn the_embedded_store_conforms() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { approximate_from: 1000, ..Limits::default() };
    everything(&Collections::open(folder.path(), limits).expect("opens"));
}
