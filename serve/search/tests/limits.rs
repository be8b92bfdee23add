//! Every refusal has its own error, changes nothing, and names the limit.

mod common;

use std::sync::Arc;

use common::{config, query, record};
use serde_json::json;
use simclr_search::{Collection, Collections, Limits, Query, Record, SearchError};

fn small() -> (tempfile::TempDir, Collections, Arc<Collection>) {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits {
        records_per_collection_max: 5,
        records_per_request_max: 4,
        payload_bytes_max: 40,
        id_bytes_max: 8,
        search_limit_max: 20,
        page_limit_max: 10,
        ..Limits::default()
    };
    let collections = Collections::open(folder.path(), limits).expect("opens");
    let collection = collections.create("small", config(3)).expect("created");
    (folder, collections, collection)
}

/// Refused, with this error, together with the good record beside it.
fn refuses(collection: &Collection, bad: Record, expected: &SearchError) {
    let refused = collection.upsert(vec![record("good", vec![1.0, 0.0, 0.0]), bad]).expect_err("refused");
    assert_eq!(refused, *expected);
    assert_eq!(collection.count(), 0, "the good record beside a bad one must not be stored");
}

#[test]
fn bad_vectors_are_refused_and_the_whole_request_with_them() {
    let (_folder, _collections, collection) = small();
    let of = || "record \"x\"".to_owned();
    let not_finite = |position| SearchError::NotFinite { of: of(), position };
    let wrong = |found| SearchError::WrongDimension { of: of(), expected: 3, found };
    let cases = [
        (vec![0.0, f32::NAN, 0.0], not_finite(1)),
        (vec![f32::INFINITY, 0.0, 0.0], not_finite(0)),
        (vec![1.0, 0.0, f32::NEG_INFINITY], not_finite(2)),
        (vec![0.0, -0.0, 0.0], SearchError::ZeroVector { of: of() }),
        (vec![1.0; 2], wrong(2)),
        (vec![1.0; 4], wrong(4)),
        (vec![], wrong(0)),
    ];
    for (vector, expected) in cases {
        refuses(&collection, record("x", vector), &expected);
    }
}

#[test]
fn bad_ids_and_payloads_are_refused_and_the_whole_request_with_them() {
    let (_folder, _collections, collection) = small();
    let bad_id = |id: &str, reason: &str| SearchError::BadId { id: id.into(), reason: reason.into() };
    for (id, reason) in [
        ("", "it is empty"),
        ("a\nb", "it has control characters"),
        ("123456789", "it has 9 bytes, at most 8 are allowed"),
    ] {
        refuses(&collection, record(id, vec![1.0; 3]), &bad_id(id, reason));
    }
    let with = |payload| Record { payload, ..record("x", vec![1.0; 3]) };
    let too_large = SearchError::PayloadTooLarge { id: "x".into(), bytes: 41, limit: 40 };
    refuses(&collection, with(json!("y".repeat(39))), &too_large);
    let deep = (0..70).fold(json!(1), |inner, _| json!([inner]));
    refuses(&collection, with(deep), &SearchError::PayloadTooDeep { id: "x".into(), limit: 64 });
    collection.upsert(vec![with(json!("y".repeat(38)))]).expect("exactly at the limit");
}

#[test]
fn counts_are_limited() {
    let (_folder, _collections, collection) = small();
    let records = |ids: &[&str]| ids.iter().map(|id| record(*id, vec![1.0, 2.0, 3.0])).collect::<Vec<_>>();
    let refused = collection.upsert(records(&["1", "2", "3", "4", "5"])).expect_err("too many at once");
    assert_eq!(refused, SearchError::TooManyInOneRequest { found: 5, limit: 4 });
    collection.upsert(records(&["1", "2", "3", "4"])).expect("four");
    let full = SearchError::CollectionFull { collection: "small".into(), limit: 5 };
    assert_eq!(collection.upsert(records(&["4", "5", "6"])).expect_err("one too many"), full);
    assert_eq!(collection.count(), 4, "none of a refused request is stored");
    // The same new id twice is one record.
    let stored = collection.upsert(records(&["5", "5", "1"])).expect("exactly full");
    assert_eq!((stored.inserted, stored.replaced), (1, 2));
    collection.upsert(records(&["1", "5"])).expect("replacing needs no room");
    assert_eq!(collection.upsert(records(&["6"])).expect_err("full"), full);
    collection.delete(&["1".into()]).expect("deleted");
    collection.upsert(records(&["6"])).expect("room again");
}

#[test]
fn bad_questions_are_refused() {
    let (_folder, _collections, collection) = small();
    collection.upsert(vec![record("a", vec![1.0, 0.0, 0.0])]).expect("stored");
    let ask = |vector: &[f32]| collection.search(&query(vector, 1)).expect_err("refused");
    let of = || "the query".to_owned();
    assert_eq!(ask(&[1.0]), SearchError::WrongDimension { of: of(), expected: 3, found: 1 });
    assert_eq!(ask(&[f32::NAN, 0.0, 0.0]), SearchError::NotFinite { of: of(), position: 0 });
    assert_eq!(ask(&[0.0; 3]), SearchError::ZeroVector { of: of() });
    for limit in [0, 21] {
        let refused = collection.search(&query(&[1.0; 3], limit)).expect_err("refused");
        assert_eq!(refused, SearchError::BadLimit { found: limit, max: 20 });
    }
    assert_eq!(collection.page(None, 11).expect_err("refused"), SearchError::BadLimit { found: 11, max: 10 });
    let nan = Query { min_score: Some(f32::NAN), ..query(&[1.0; 3], 1) };
    assert_eq!(collection.search(&nan).expect_err("refused"), SearchError::BadMinScore);
    assert_eq!(collection.search(&query(&[1.0; 3], 20)).expect("found").len(), 1);
}
