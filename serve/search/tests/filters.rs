//! Filtered, paged and batched searches against doing the same by hand.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Numbers, clustered, config, query, ranking};
use serde_json::json;
use simclr_search::{Collection, Collections, Filter, Limits, Neighbour, Query, Record, SearchError};

const COUNT: usize = 4000;
const DIMENSION: usize = 48;

/// Records with a rare, an uncommon and a common mark, half of them deleted or replaced after they were sealed.
fn filled(approximate_from: usize) -> (tempfile::TempDir, Collections, Arc<Collection>, Vec<Record>) {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { approximate_from, ..Limits::default() };
    let collections = Collections::open(folder.path(), limits).expect("opens");
    let collection = collections.create("marked", config(DIMENSION)).expect("created");
    let city = |i: usize| ["Basel", "Bern", "Chur"][i % 3];
    let payload = |i: usize| json!({"n": i, "half": i.is_multiple_of(2), "where": {"city": city(i)}});
    let vectors = clustered(21, COUNT + 200, DIMENSION, 40).into_iter().enumerate();
    let mut records: Vec<Record> =
        vectors.map(|(i, vector)| Record::new(format!("{i:05}"), vector, payload(i))).collect();
    collection.upsert(records[..COUNT].to_vec()).expect("stored");
    assert!(collection.wait_until_built(Duration::from_secs(600)));
    collection.upsert(records[COUNT..].to_vec()).expect("stored");
    let gone: Vec<String> = (0..COUNT).filter(|i| i % 10 == 1).map(|i| format!("{i:05}")).collect();
    collection.delete(&gone).expect("deleted");
    records.retain(|record| !gone.contains(&record.id));
    for record in records.iter_mut().step_by(50) {
        record.payload = json!({"n": -1});
        collection.upsert(vec![record.clone()]).expect("replaced");
    }
    (folder, collections, collection, records)
}

/// The same by hand.
type ByHand = Box<dyn Fn(&Record) -> bool>;

fn filters() -> Vec<(Filter, ByHand)> {
    let read = |text: serde_json::Value| serde_json::from_value::<Filter>(text).expect("a filter");
    let n = |record: &Record| record.payload["n"].as_i64().unwrap_or(0);
    vec![
        // About 50 %, 33 %, 1 %, 0.1 %, and nobody.
        (read(json!({"equals": {"field": "half", "value": true}})), Box::new(|r| r.payload["half"] == true)),
        (
            read(json!({"not": {"in": {"field": "where.city", "values": ["Basel", "Bern"]}}})),
            Box::new(|r| r.payload["where"]["city"] != "Basel" && r.payload["where"]["city"] != "Bern"),
        ),
        (
            read(json!({"range": {"field": "n", "gte": 1000, "lt": 1040}})),
            Box::new(move |r| (1000..1040).contains(&n(r))),
        ),
        (
            read(
                json!({"or": [{"equals": {"field": "n", "value": 77}}, {"range": {"field": "n", "gt": 4196}}]}),
            ),
            Box::new(move |r| n(r) == 77 || n(r) > 4196),
        ),
        (
            read(json!({"and": [{"exists": {"field": "half"}}, {"equals": {"field": "n", "value": -1}}]})),
            Box::new(|_| false),
        ),
    ]
}

fn ids(neighbours: &[Neighbour]) -> Vec<&str> {
    neighbours.iter().map(|n| n.id.as_str()).collect()
}

#[test]
fn filtered_searches_find_what_filtering_by_hand_finds() {
    for approximate_from in [500, usize::MAX] {
        let (_folder, _collections, collection, records) = filled(approximate_from);
        assert_eq!(collection.statistics().segments > 0, approximate_from == 500);
        let mut numbers = Numbers(4);
        for (filter, by_hand) in filters() {
            let allowed: Vec<&Record> = records.iter().filter(|r| by_hand(r)).collect();
            let (mut hits, mut wanted) = (0, 0);
            for _ in 0..30 {
                let near = records[numbers.below(records.len())].vector.clone();
                let truth = ranking(allowed.iter().map(|r| (r.id.as_str(), r.vector.as_slice())), &near);
                let truth: Vec<&str> = truth.iter().map(|(id, _)| *id).take(10).collect();
                let ask = |exact| Query { exact, filter: Some(filter.clone()), ..query(&near, 10) };
                let exact = collection.search(&ask(true)).expect("found");
                assert_eq!(ids(&exact), truth, "{filter:?}");
                let found = collection.search(&ask(false)).expect("found");
                assert_eq!(found.len(), truth.len(), "{filter:?} must not shorten an answer");
                assert!(found.iter().all(|f| allowed.iter().any(|r| r.id == f.id && r.payload == f.payload)));
                hits += ids(&found).iter().filter(|id| truth.contains(id)).count();
                wanted += truth.len();
            }
            assert!(hits as f64 >= 0.99 * wanted as f64, "{hits} of {wanted} with {filter:?}");
        }
    }
}

#[test]
fn pages_and_batches_are_parts_of_one_answer() {
    for approximate_from in [500, usize::MAX] {
        let (_folder, _collections, collection, records) = filled(approximate_from);
        let queries: Vec<Query> = (0..37).map(|i| query(&records[i * 90].vector, 15)).collect();
        for exact in [true, false] {
            let queries: Vec<Query> = queries.iter().map(|q| Query { exact, ..q.clone() }).collect();
            let many = collection.search_many(&queries).expect("found");
            for (query, many) in queries.iter().zip(&many) {
                let one = collection.search(query).expect("found");
                assert_eq!(ids(many), ids(&one));
                assert!(many.iter().zip(&one).all(|(a, b)| (a.score - b.score).abs() < 1e-6));
                let page = |offset| Query { limit: 5, offset, exact: true, ..query.clone() };
                let pages = [0, 5, 10].map(|offset| collection.search(&page(offset)).expect("a page"));
                let all = collection.search(&Query { exact: true, ..query.clone() }).expect("found");
                assert_eq!(pages.concat(), all);
                let bare = collection.search(&Query { with_payload: false, ..query.clone() }).expect("found");
                assert!(ids(&bare) == ids(&one) && bare.iter().all(|n| n.payload.is_null()));
                let above = Query { min_score: Some(one[4].score), ..query.clone() };
                assert!(collection.search(&above).expect("found").iter().all(|n| n.score >= one[4].score));
            }
        }
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { search_limit_max: 20, ef_max: 100, ..Limits::default() };
    let collections = Collections::open(folder.path(), limits).expect("opens");
    let collection = collections.create("small", config(2)).expect("created");
    let ask = |query: Query| collection.search(&query).expect_err("refused");
    let bare = || Query::new(vec![1.0, 0.0], 10);
    assert_eq!(ask(Query { offset: 11, ..bare() }), SearchError::BadOffset { found: 21, max: 20 });
    assert_eq!(
        ask(Query { offset: usize::MAX, ..bare() }),
        SearchError::BadOffset { found: usize::MAX, max: 20 }
    );
    for ef in [0, 101] {
        assert_eq!(ask(Query { ef: Some(ef), ..bare() }), SearchError::BadEf { found: ef, max: 100 });
    }
    let nameless = Filter::Exists { field: String::new() };
    assert!(matches!(ask(Query { filter: Some(nameless), ..bare() }), SearchError::BadFilter { .. }));
    assert_eq!(collection.search_many(&[]).expect("nothing to do"), Vec::<Vec<Neighbour>>::new());
}
