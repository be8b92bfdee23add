//! Duplicates in an answer: one stands for all of them, and the answer is as full as it can be.

use std::collections::HashSet;

use serde_json::json;
use simclr_search::{ContentHash, Filter, Neighbour, Query, Record, VectorCollection, VectorStore};

use super::common::{clustered, config, query, ranking};

const DIMENSION: usize = 16;
const COUNT: usize = 1200;

/// What a record is a duplicate by: a hundred have one direction, ten each one picture, the others are by themselves.
fn kind(i: usize) -> String {
    match i % 12 {
        0 => "direction".to_owned(),
        1 => format!("picture {}", i / 120),
        _ => i.to_string(),
    }
}

fn records() -> Vec<Record> {
    let vectors = clustered(5, COUNT, DIMENSION, 30);
    let record = |i: usize| {
        let longer = |x: &f32| x * 2f32.powi(i as i32 % 3);
        let vector =
            if kind(i) == "direction" { vectors[0].iter().map(longer).collect() } else { vectors[i].clone() };
        let content = (kind(i) != "direction").then(|| ContentHash::of(kind(i).as_bytes()));
        Record { content, ..Record::new(format!("{i:04}"), vector, json!({"odd": i % 2 == 1})) }
    };
    (0..COUNT).map(record).collect()
}

fn number(id: &str) -> usize {
    id.parse().expect("one of ours")
}

/// Finds the best of each kind, as an honest look at all records does.
fn finds(
    collection: &dyn VectorCollection,
    records: &[Record],
    question: &Query,
    keep: impl Fn(usize) -> bool,
) {
    let kept = records.iter().filter(|record| keep(number(&record.id)));
    let all = ranking(kept.map(|record| (record.id.as_str(), record.vector.as_slice())), &question.vector);
    let mut seen = HashSet::new();
    let best: Vec<_> = all.into_iter().filter(|(id, _)| seen.insert(kind(number(id)))).collect();
    let best = &best[question.offset..best.len().min(question.offset + question.limit)];
    let found = collection.search(&Query { distinct: true, ..question.clone() }).expect("found");
    assert_eq!(found.len(), best.len());
    for (found, (id, score)) in found.iter().zip(best) {
        assert!((f64::from(found.score) - score).abs() < 1e-4, "{} instead of {id}", found.id);
        assert_eq!(kind(number(&found.id)), kind(number(id)));
        let others: HashSet<&String> = found.duplicates.iter().collect();
        assert!(others.len() == found.duplicates.len() && !others.contains(&found.id));
        assert!(others.iter().all(|other| kind(number(other)) == kind(number(id)) && keep(number(other))));
    }
}

pub(crate) fn duplicates(store: &dyn VectorStore) {
    let (collection, records) = (store.create("twice", config(DIMENSION)).expect("created"), records());
    collection.upsert(records.clone()).expect("stored");
    let all = |_| true;
    for at in [0, 1, 2, 500] {
        let at = &records[at].vector;
        finds(&*collection, &records, &query(at, 5), all);
        finds(&*collection, &records, &Query { offset: 3, exact: true, ..query(at, 7) }, all);
    }
    let odd = Some(Filter::Equals { field: "odd".to_owned(), value: json!(true) });
    finds(&*collection, &records, &Query { filter: odd, ..query(&records[1].vector, 9) }, |i| i % 2 == 1);
    // More than there are.
    finds(&*collection, &records, &query(&records[7].vector, COUNT), all);
    let at = &records[0].vector;
    let found = collection.search(&Query { distinct: true, ..query(at, 2) }).expect("found");
    let same: Vec<String> = (1..COUNT / 12).map(|i| format!("{:04}", 12 * i)).collect();
    let mut listed = found[0].duplicates.clone();
    listed.sort();
    assert_eq!((found[0].id.as_str(), listed), ("0000", same));
    assert_eq!(found[1].payload, records[number(&found[1].id)].payload);
    let bare = Query { distinct: true, with_payload: false, ..query(at, 1) };
    let found = collection.search_many(&[bare, query(at, 2)]).expect("found");
    assert_eq!((&found[0][0].payload, found[1].len()), (&json!(null), 2));
    // Without grouping both are of the many in this direction.
    let plain =
        |neighbour: &Neighbour| kind(number(&neighbour.id)) == kind(0) && neighbour.duplicates.is_empty();
    assert!(found[1].iter().all(plain));
    store.delete("twice").expect("deleted");
}
