//! The same picture under two ids: stored, reported, found by its content, and forgotten with the record.

use serde_json::json;
use simclr_search::{ContentHash, Duplicate, Filter, Query, Record, VectorStore};

use super::common::{config, query, record};

fn of(id: &str, picture: &str) -> Record {
    Record { content: Some(ContentHash::of(picture.as_bytes())), ..record(id, vec![1.0, 2.0]) }
}

fn duplicate(id: &str, of: &str) -> Duplicate {
    Duplicate { id: id.to_owned(), of: of.to_owned() }
}

pub(crate) fn contents(store: &dyn VectorStore) {
    let collection = store.create("contents", config(2)).expect("created");
    let upsert = |records| collection.upsert(records).expect("stored").duplicates;
    let holder =
        |picture: &str| collection.by_content(ContentHash::of(picture.as_bytes())).expect("looked up");
    // Within one request, and a record without a content is nobody's duplicate.
    assert_eq!(upsert(vec![of("b", "cat"), of("c", "dog"), record("d", vec![1.0, 2.0])]), []);
    assert_eq!(upsert(vec![of("e", "cat"), of("a", "cat")]), [duplicate("e", "b"), duplicate("a", "b")]);
    assert_eq!(
        (holder("cat").as_deref(), holder("dog").as_deref(), holder("cow")),
        (Some("a"), Some("c"), None)
    );
    assert_eq!(collection.get("a").expect("read"), Some(of("a", "cat")));
    assert_eq!(collection.page(Some("b"), 2).expect("a page"), [of("c", "dog"), record("d", vec![1.0, 2.0])]);
    // The same record again has a duplicate still; another picture in its place, or none, is noticed.
    assert_eq!(upsert(vec![of("b", "cat")]), [duplicate("b", "a")]);
    assert_eq!(upsert(vec![of("a", "dog"), of("b", "cat")]), [duplicate("a", "c"), duplicate("b", "e")]);
    assert_eq!(upsert(vec![record("b", vec![1.0, 2.0]), of("e", "cat")]), []);
    assert_eq!((holder("cat").as_deref(), holder("dog").as_deref()), (Some("e"), Some("a")));
    collection.delete(&["a".into(), "e".into()]).expect("deleted");
    assert_eq!((holder("cat"), holder("dog").as_deref()), (None, Some("c")));
    assert_eq!(upsert(vec![of("z", "cat")]), []);
    // A content is no part of the payload.
    let filter = Some(Filter::Exists { field: "c".to_owned() });
    assert_eq!(collection.search(&Query { filter, ..query(&[1.0, 2.0], 9) }).expect("found"), []);
    assert_eq!(collection.search(&query(&[1.0, 2.0], 1)).expect("found")[0].payload, json!({"of": "b"}));
    store.delete("contents").expect("deleted");
}
