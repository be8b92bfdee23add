//! What a collection promises on a quiet day: exact answers, clear refusals, everything back after a restart.

mod common;

use common::{Numbers, config, cosine, query, ranking, record};
use serde_json::json;
use simclr_search::{Collections, Limits, Query, Record, SearchError, Upserted};

#[test]
fn exact_search_agrees_with_the_definition_at_many_dimensions() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
    for dimension in [1, 2, 7, 16, 33, 64, 100, 128, 257, 2048] {
        let mut numbers = Numbers(dimension as u64);
        let vectors: Vec<Vec<f32>> = (0..120).map(|_| numbers.vector(dimension)).collect();
        let collection = collections.create(&format!("d{dimension}"), config(dimension)).expect("created");
        let records = vectors.iter().enumerate().map(|(i, v)| record(format!("{i:03}"), v.clone())).collect();
        assert_eq!(
            collection.upsert(records).expect("stored"),
            Upserted { inserted: 120, ..Upserted::default() }
        );
        let ids: Vec<String> = (0..120).map(|i| format!("{i:03}")).collect();
        let wanted = numbers.vector(dimension);
        let truth = ranking(ids.iter().map(String::as_str).zip(vectors.iter().map(Vec::as_slice)), &wanted);
        for limit in [1, 10, 120, 500] {
            let found = collection.search(&query(&wanted, limit)).expect("found");
            assert_eq!(found.len(), limit.min(120));
            for (neighbour, &(_, score)) in found.iter().zip(&truth) {
                assert!((f64::from(neighbour.score) - score).abs() < 1e-5, "dimension {dimension}");
                let own = &vectors[neighbour.id.parse::<usize>().expect("a number")];
                assert!((f64::from(neighbour.score) - cosine(own, &wanted)).abs() < 1e-5);
                assert_eq!(neighbour.payload, json!({ "of": neighbour.id }));
            }
        }
    }
}

#[test]
fn equal_scores_come_in_the_order_of_ids_and_min_score_cuts() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
    let collection = collections.create("ties", config(3)).expect("created");
    // The same direction at every length, even where a square would overflow or vanish in f32.
    let lengths = [1.0, 1e30, 1e-30, 7.5, 1e-40, 3e38];
    let same =
        lengths.iter().zip(["f", "b", "e", "a", "d", "c"]).map(|(l, id)| record(id, vec![*l, 0.0, 0.0]));
    collection.upsert(same.chain([record("other", vec![0.0, 2.0, 0.0])]).collect()).expect("stored");
    let found = collection.search(&query(&[2.0, 0.0, 0.0], 10)).expect("found");
    let ids: Vec<&str> = found.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e", "f", "other"]);
    assert!(found[..6].iter().all(|n| n.score == 1.0) && found[6].score == 0.0);
    let above = Query { min_score: Some(0.5), ..query(&[2.0, 0.0, 0.0], 10) };
    assert_eq!(collection.search(&above).expect("found").len(), 6);
    assert_eq!(collection.search(&query(&[1.0, 0.0, 0.0], 2)).expect("found").len(), 2);
}

#[test]
fn everything_is_there_after_a_restart_as_it_was_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut numbers = Numbers(5);
    let payload = json!({"text": "Zürich ✓", "number": 0.1, "tiny": 2.2250738585072014e-308, "list": [null, true, {"a": []}]});
    let mut records: Vec<Record> = (0..50).map(|i| record(format!("r{i:02}"), numbers.vector(5))).collect();
    records[7].payload = payload.clone();
    records[8].id = "with space/and \"quotes\" 图".into();
    {
        let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
        let collection = collections.create("things", config(5)).expect("created");
        collection.upsert(records.clone()).expect("stored");
        let again = vec![record("r03", vec![1.0, 2.0, 3.0, 4.0, 5.0]), record("new", vec![1.0; 5])];
        assert_eq!(
            collection.upsert(again).expect("stored"),
            Upserted { inserted: 1, replaced: 1, ..Upserted::default() }
        );
        assert_eq!(collection.delete(&["r00".into(), "r01".into(), "nobody".into()]).expect("deleted"), 2);
        assert_eq!(collection.upsert(vec![]).expect("nothing to do"), Upserted::default());
    }
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens again");
    assert_eq!(collections.problems(), []);
    assert_eq!(collections.list().len(), 1);
    let collection = collections.get("things").expect("still there");
    assert_eq!((collection.count(), collection.config()), (49, &config(5)));
    assert_eq!(collection.get("r07").expect("read"), Some(records[7].clone()));
    assert_eq!(collection.get("r00").expect("read"), None);
    assert_eq!(collection.get("r03").expect("read").expect("there").vector, [1.0, 2.0, 3.0, 4.0, 5.0]);
    let found = collection.search(&query(&records[8].vector, 1)).expect("found");
    assert_eq!(found[0].id, records[8].id);

    let (mut paged, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = collection.page(after.as_deref(), 7).expect("a page");
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        paged.extend(page.into_iter().map(|r| r.id));
    }
    assert_eq!(paged.len(), 49);
    assert!(paged.is_sorted() && paged.contains(&"new".to_owned()));
}

#[test]
fn creating_and_deleting_keep_to_their_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections =
        Collections::open(folder.path(), Limits { collections_max: 2, ..Limits::default() }).expect("opens");
    let first = collections.create("one", config(4)).expect("created");
    first.upsert(vec![record("a", vec![1.0; 4])]).expect("stored");
    assert_eq!(collections.create("one", config(4)).expect("the same one").count(), 1);
    let other = collections.create("one", config(5)).expect_err("another dimension");
    assert!(matches!(other, SearchError::CollectionExists { .. }), "{other}");
    assert!(other.to_string().contains("with dimension 4 and space key"), "{other}");
    collections.create("two", config(4)).expect("created");
    assert_eq!(
        collections.create("three", config(4)).expect_err("full"),
        SearchError::TooManyCollections { limit: 2 }
    );
    assert!(first.require_space("0123456789abcdef").is_ok());
    assert!(matches!(first.require_space("x"), Err(SearchError::OtherSpace { .. })));

    collections.delete("one").expect("deleted");
    let gone = SearchError::CollectionNotFound { name: "one".into() };
    assert_eq!(collections.get("one").expect_err("gone"), gone);
    assert_eq!(collections.delete("one").expect_err("gone"), gone);
    // Whoever still holds it must not believe that anything is stored.
    assert_eq!(first.upsert(vec![record("b", vec![1.0; 4])]).expect_err("gone"), gone);
    assert_eq!(first.search(&query(&[1.0; 4], 1)).expect_err("gone"), gone);
    assert_eq!(first.get("a").expect_err("gone"), gone);
    assert_eq!(collections.create("one", config(9)).expect("created anew").count(), 0);
    let names: Vec<String> = collections.list().iter().map(|c| c.name().to_owned()).collect();
    assert_eq!(names, ["one", "two"]);
}

#[test]
fn names_and_configurations_are_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
    for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "ä", "a b", "dot.", &"x".repeat(65), "a\0b"] {
        let refused = collections.create(name, config(4)).expect_err(name);
        assert!(matches!(refused, SearchError::BadName { .. }), "{name:?}: {refused}");
    }
    for bad in [config(0), config(1_000_000), simclr_search::CollectionConfig::new(3, "k".repeat(129))] {
        assert!(matches!(collections.create("bad", bad), Err(SearchError::BadConfig { .. })));
    }
}

#[test]
fn two_processes_cannot_share_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Collections::open(folder.path(), Limits::default()).expect("opens");
    // A second opening in this process goes through the same lock as one in another process.
    let second = Collections::open(folder.path(), Limits::default()).expect_err("in use");
    assert!(matches!(second, SearchError::InUse { .. }), "{second}");
    drop(first);
    Collections::open(folder.path(), Limits::default()).expect("free again");
}
