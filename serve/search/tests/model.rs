//! Random lives of a collection against a `HashMap`, and many threads at once.

mod common;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Numbers, config, query, ranking, record};
use simclr_search::{Collection, Collections, Limits, Query, Upserted};

const DIMENSION: usize = 6;
/// So many that segments are walked through.
const IDS: usize = 500;

fn check_against(collection: &Collection, model: &BTreeMap<String, Vec<f32>>, numbers: &mut Numbers) {
    assert_eq!(collection.count(), model.len());
    let wanted = numbers.vector(DIMENSION);
    let limit = 1 + numbers.below(12);
    let truth = ranking(model.iter().map(|(id, v)| (id.as_str(), v.as_slice())), &wanted);
    let found = collection.search(&Query { exact: true, ..query(&wanted, limit) }).expect("found");
    assert_eq!(found.len(), limit.min(model.len()));
    for (neighbour, (_, score)) in found.iter().zip(&truth) {
        assert!((f64::from(neighbour.score) - score).abs() < 1e-5, "{found:?} against {truth:?}");
        assert!(model.contains_key(&neighbour.id));
    }
    let distinct: HashSet<&str> = found.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(distinct.len(), found.len(), "a record was found twice");
    let approximate = collection.search(&Query { ef: Some(16), ..query(&wanted, limit) }).expect("found");
    assert_eq!(approximate.len(), found.len(), "the graph must not shorten an answer");
    assert!(approximate.iter().all(|n| model.contains_key(&n.id)));
    let distinct: HashSet<&str> = approximate.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(distinct.len(), approximate.len(), "a record was found twice");
}

#[test]
fn behaves_like_a_map_that_can_be_searched() {
    for seed in 0..6 {
        let folder = tempfile::tempdir().expect("a folder");
        // Low enough that graphs come and go under way.
        let limits = || Limits { approximate_from: 30, ..Limits::default() };
        let mut collections = Collections::open(folder.path(), limits()).expect("opens");
        let mut collection = collections.create("model", config(DIMENSION)).expect("created");
        let (mut numbers, mut walks) = (Numbers(seed), 0);
        let first: Vec<_> =
            (0..IDS * 2 / 3).map(|id| record(format!("{id:03}"), numbers.vector(DIMENSION))).collect();
        let mut model: BTreeMap<_, _> = first.iter().map(|r| (r.id.clone(), r.vector.clone())).collect();
        collection.upsert(first).expect("stored");
        for _ in 0..150 {
            let ids: Vec<String> =
                (0..1 + numbers.below(8)).map(|_| format!("{:03}", numbers.below(IDS))).collect();
            match numbers.below(10) {
                0..5 => {
                    let records: Vec<_> =
                        ids.iter().map(|id| record(id, numbers.vector(DIMENSION))).collect();
                    let mut expected = Upserted::default();
                    for r in &records {
                        match model.insert(r.id.clone(), r.vector.clone()) {
                            Some(_) => expected.replaced += 1,
                            None => expected.inserted += 1,
                        }
                    }
                    assert_eq!(collection.upsert(records).expect("stored"), expected);
                }
                5..8 => {
                    let expected = ids.iter().filter(|id| model.remove(*id).is_some()).count();
                    assert_eq!(collection.delete(&ids).expect("deleted"), expected);
                }
                8 => {
                    let expected = model.get(&ids[0]).map(|v| record(&ids[0], v.clone()));
                    assert_eq!(collection.get(&ids[0]).expect("reads"), expected);
                }
                _ => {
                    drop((collection, collections));
                    collections = Collections::open(folder.path(), limits()).expect("opens again");
                    collection = collections.get("model").expect("still there");
                }
            }
            check_against(&collection, &model, &mut numbers);
            walks += collection.statistics().walks;
        }
        assert!(walks > 0, "nothing was walked through");
    }
}

#[test]
fn writers_and_readers_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { approximate_from: 100, ..Limits::default() };
    let collections = Collections::open(folder.path(), limits).expect("opens");
    let collection = collections.create("busy", config(DIMENSION)).expect("created");
    let landmark = Numbers(1).vector(DIMENSION);
    collection.upsert(vec![record("landmark", landmark.clone())]).expect("stored");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let collection = &collection;
                scope.spawn(move || {
                    let mut numbers = Numbers(100 + writer);
                    for i in 0..60 {
                        let id = format!("{writer}-{i}");
                        let vector = numbers.vector(DIMENSION);
                        collection.upsert(vec![record(&id, vector.clone())]).expect("stored");
                        // Acknowledged means searchable, at once.
                        let found =
                            collection.search(&Query { exact: true, ..query(&vector, 1) }).expect("found");
                        assert_eq!(found[0].id, id);
                        if i % 3 == 0 {
                            assert_eq!(collection.delete(&[id]).expect("deleted"), 1);
                        }
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let found = collection.search(&query(&landmark, 5)).expect("found");
                    assert_eq!(found[0].id, "landmark");
                    assert!(found.iter().all(|n| n.payload["of"] == n.id.as_str()));
                    collection.page(None, 50).expect("reads");
                }
            });
        }
        let results: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        results.into_iter().for_each(|result| result.expect("a writer failed"));
    });
    assert_eq!(collection.count(), 1 + 3 * 40);
}
