//! Searches and filters against an honest comparison of all records.

use serde_json::{Value, json};
use simclr_search::{Filter, Query, Record, VectorCollection, VectorStore};

use super::common::{Numbers, query, ranking};
use super::{COUNT, filled};

/// Finds what an honest comparison of all records finds, as far as scores of near ties can tell.
fn finds(
    collection: &dyn VectorCollection,
    records: &[Record],
    question: &Query,
    keep: impl Fn(&Record) -> bool,
) {
    let kept = records
        .iter()
        .filter(|record| keep(record))
        .map(|record| (record.id.as_str(), record.vector.as_slice()));
    let expected = ranking(kept, &question.vector);
    let found = collection.search(question).expect("found");
    let expected =
        &expected[question.offset.min(expected.len())..expected.len().min(question.offset + question.limit)];
    assert_eq!(found.len(), expected.len(), "{question:?}", question = question.filter);
    for (found, (id, score)) in found.iter().zip(expected) {
        assert!(
            (f64::from(found.score) - score).abs() < 1e-4,
            "{} {} instead of {id} {score}",
            found.id,
            found.score
        );
        let own = records.iter().find(|record| record.id == found.id).expect("one of ours");
        assert!(keep(own), "{} does not fulfil the filter", found.id);
        assert_eq!(found.payload, own.payload);
    }
}

fn filter(text: Value) -> Option<Filter> {
    Some(serde_json::from_value(text).expect("a filter"))
}

/// Every kind of condition, alone and joined.
fn conditions(collection: &dyn VectorCollection, records: &[Record]) {
    let at = &records[77].vector;
    let ask = |limit, text| Query { filter: filter(text), ..query(at, limit) };
    let few = |r: &Record| r.payload["few"].as_u64().expect("a number");
    finds(collection, records, &ask(30, json!({"range": {"field": "few", "gte": 5, "lt": 8.5}})), |r| {
        (5..=8).contains(&few(r))
    });
    finds(collection, records, &ask(30, json!({"in": {"field": "few", "values": [1, "x", 99]}})), |r| {
        [1, 99].contains(&few(r))
    });
    finds(collection, records, &ask(9, json!({"equals": {"field": "deep.list", "value": 2}})), |r| {
        r.payload["deep"]["list"][0] == 2
    });
    finds(collection, records, &ask(9, json!({"not": {"equals": {"field": "half", "value": "odd"}}})), |r| {
        r.payload["half"] == "even"
    });
    finds(collection, records, &ask(9, json!({"not": {"equals": {"field": "absent", "value": 1}}})), |_| {
        true
    });
    finds(collection, records, &ask(9, json!({"exists": {"field": "absent"}})), |_| false);
    finds(collection, records, &ask(9, json!({"exists": {"field": "deep.list"}})), |_| true);
    finds(
        collection,
        records,
        &ask(9, json!({"equals": {"field": "text", "value": "\"quoted\" \\ ü 12"}})),
        |r| r.id == "0012",
    );
    let both = json!({"and": [{"equals": {"field": "few", "value": 3}}, {"or": [{"equals": {"field": "half", "value": "odd"}}, {"equals": {"field": "rare", "value": true}}]}]});
    finds(collection, records, &ask(9, both), |r| few(r) == 3);
}

pub(crate) fn searching_and_filters(store: &dyn VectorStore) {
    let (collection, records) = filled(store, "searched");
    let collection = &*collection;
    assert_eq!(collection.count().expect("counted"), COUNT);
    let mut numbers = Numbers(5);
    for _ in 0..3 {
        let at = &records[numbers.below(COUNT)].vector;
        let ask = |limit, text| Query { filter: filter(text), ..query(at, limit) };
        finds(collection, &records, &query(at, 10), |_| true);
        finds(collection, &records, &Query { offset: 7, ..query(at, 5) }, |_| true);
        finds(collection, &records, &Query { exact: true, ..query(at, 5) }, |_| true);
        // 0.1 %, 1 % and 50 % of the records.
        finds(collection, &records, &ask(10, json!({"equals": {"field": "rare", "value": true}})), |r| {
            r.payload["rare"] == true
        });
        finds(collection, &records, &ask(10, json!({"equals": {"field": "few", "value": 3}})), |r| {
            r.payload["few"] == 3
        });
        finds(collection, &records, &ask(10, json!({"equals": {"field": "half", "value": "odd"}})), |r| {
            r.payload["half"] == "odd"
        });
    }
    conditions(collection, &records);
    let scores: Vec<f32> =
        collection.search(&query(&records[0].vector, 20)).expect("found").iter().map(|n| n.score).collect();
    let above = Query { min_score: Some(scores[4]), ..query(&records[0].vector, 20) };
    assert_eq!(collection.search(&above).expect("found").len(), 5);
    let many: Vec<Query> = records[..5].iter().map(|record| query(&record.vector, 1)).collect();
    let first: Vec<String> =
        collection.search_many(&many).expect("found").into_iter().map(|mut n| n.remove(0).id).collect();
    assert_eq!(first, ["0000", "0001", "0002", "0003", "0004"]);
    store.delete("searched").expect("deleted");
}
