//! Vectors kept in 16 bits: what comes back is what is searched, near what was given, and half as large on disk.

mod common;

use common::{Numbers, clustered, cosine, query, ranking, record};
use simclr_search::{CollectionConfig, Collections, Dtype, Limits, Query, Record, SearchError};

const DIMENSION: usize = 96;

fn halved(dimension: usize) -> CollectionConfig {
    let mut config = CollectionConfig::new(dimension, "space");
    config.dtype = Dtype::F16;
    config
}

#[test]
fn searches_rank_what_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { approximate_from: 200, ..Limits::default() };
    let vectors = clustered(3, 1500, DIMENSION, 20);
    let records: Vec<Record> =
        (0..).zip(&vectors).map(|(i, v)| record(format!("{i:04}"), v.clone())).collect();
    let collections = Collections::open(folder.path(), limits.clone()).expect("opens");
    let collection = collections.create("halved", halved(DIMENSION)).expect("created");
    collection.upsert(records.clone()).expect("stored");
    let stored = collection.page(None, 10_000).expect("read");
    for (given, stored) in records.iter().zip(&stored) {
        assert!(1.0 - cosine(&given.vector, &stored.vector) < 1e-6);
        assert!(
            given.vector.iter().zip(&stored.vector).all(|(g, s)| (g - s).abs() <= g.abs() / 2048.0 + 3e-8)
        );
    }
    // What came back is stored as it is.
    collection.upsert(stored.clone()).expect("stored");
    assert_eq!(collection.page(None, 10_000).expect("read"), stored);
    let check = |collection: &simclr_search::Collection| {
        let mut numbers = Numbers(8);
        for _ in 0..20 {
            let wanted = numbers.vector(DIMENSION);
            let truth = ranking(stored.iter().map(|r| (r.id.as_str(), r.vector.as_slice())), &wanted);
            let exact = Query { exact: true, ..query(&wanted, 10) };
            let found = collection.search(&exact).expect("found");
            for (found, (id, score)) in found.iter().zip(&truth) {
                assert!((f64::from(found.score) - score).abs() < 1e-5, "{found:?} {id} {score}");
            }
        }
    };
    check(&collection);
    assert!(collection.wait_until_built(std::time::Duration::from_secs(60)), "sealed");
    drop((collection, collections));
    // Segments agree with the rounded records when they are opened again.
    let collections = Collections::open(folder.path(), limits).expect("opens");
    let collection = collections.get("halved").expect("there");
    check(&collection);
    let verified = collection.verify(200).expect("verified");
    assert!(verified.damage.is_empty() && verified.segments > 0, "{verified:?}");
    assert!(verified.recall.is_some_and(|recall| recall > 0.99), "{verified:?}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
    let collection = collections.create("halved", halved(2)).expect("created");
    let upsert = |vector: [f32; 2]| collection.upsert(vec![record("a", vector.to_vec())]);
    for lost in [[1.0, 7e4], [1e-9, 0.0], [6e-8, 2e-8]] {
        assert!(matches!(upsert(lost), Err(SearchError::NotIn16Bits { .. })), "{lost:?}");
    }
    assert!(matches!(upsert([0.0, 0.0]), Err(SearchError::ZeroVector { .. })));
    assert!(matches!(upsert([f32::NAN, 7e4]), Err(SearchError::NotFinite { position: 0, .. })));
    assert!(matches!(upsert([1.0, f32::INFINITY]), Err(SearchError::NotFinite { position: 1, .. })));
    upsert([65_504.0, -65_504.0]).expect("the largest");
}

#[test]
fn the_file_is_half_as_large() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
    let sizes = [CollectionConfig::new(1024, "space"), halved(1024)].map(|config| {
        let name = format!("{:?}", config.dtype);
        let collection = collections.create(&name, config).expect("created");
        let records =
            |from: usize| (from..from + 500).map(|i| record(format!("{i}"), vec![0.5; 1024])).collect();
        (0..8).for_each(|part| drop(collection.upsert(records(500 * part)).expect("stored")));
        std::fs::metadata(folder.path().join(format!("collections/{name}/records.redb")))
            .expect("there")
            .len()
    });
    assert!(sizes[1] * 10 < sizes[0] * 7, "{sizes:?}");
}
