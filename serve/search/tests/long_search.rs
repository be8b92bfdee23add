//! A search that lasts holds up nobody: writes go on meanwhile, and so do searches that come after them.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use common::{Numbers, config, query, record};
use serde_json::json;
use simclr_search::{Collections, Filter, Limits, Query};

const COUNT: usize = 4000;
const DIMENSION: usize = 8;
/// Searches in the request that lasts, each of as many conditions as a filter may have.
const MANY: usize = 40;
/// Writes, each followed by a search, while that goes on: the first might come before it has begun.
const MEANWHILE: usize = 3;

#[test]
fn a_long_search_holds_up_neither_writes_nor_searches_after_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for approximate_from in [usize::MAX, 1000] {
        let limits = Limits { approximate_from, ..Limits::default() };
        let collections = Collections::open(folder.path(), limits).expect("opens");
        let collection =
            collections.create(&format!("from-{approximate_from}"), config(DIMENSION)).expect("created");
        let mut numbers = Numbers(2);
        let records = (0..COUNT).map(|i| record(format!("{i:04}"), numbers.vector(DIMENSION)));
        collection.upsert(records.collect()).expect("stored");
        let never = |i| Filter::Equals { field: "of".into(), value: json!(format!("nobody {i}")) };
        let filter = Filter::Or((0..1000).map(never).collect());
        let at = numbers.vector(DIMENSION);
        let long = vec![Query { exact: true, filter: Some(filter), ..query(&at, 1) }; MANY];
        let (ended, (begins, begun)) = (AtomicBool::new(false), channel());
        let meanwhile = std::thread::scope(|scope| {
            scope.spawn(|| {
                begins.send(()).expect("somebody waits");
                let found = collection.search_many(&long).expect("found");
                ended.store(true, Ordering::SeqCst);
                assert!(found.iter().all(Vec::is_empty));
            });
            begun.recv().expect("it begins");
            let mut meanwhile = 0;
            while !ended.load(Ordering::SeqCst) {
                let new = record(format!("new-{meanwhile}"), numbers.vector(DIMENSION));
                collection.upsert(vec![new.clone()]).expect("stored");
                let found = collection.search(&query(&new.vector, 1)).expect("found");
                assert_eq!(found[0].id, new.id, "an answered upsert is found");
                meanwhile += usize::from(!ended.load(Ordering::SeqCst));
            }
            meanwhile
        });
        assert!(meanwhile >= MEANWHILE, "{meanwhile} writes while a search went on");
    }
}
