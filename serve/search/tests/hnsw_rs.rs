//! Our graph beside one made by hnsw_rs of the same vectors: at the same width it must not find less.

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::{clustered, config, query, record};
use hnsw_rs::anndists::dist::Distance;
use hnsw_rs::hnsw::Hnsw;
use simclr_search::{Collections, Kernel, Limits, Query};

const WIDTH: usize = 48;

/// Distance of two directions of length one, never negative: hnsw_rs panics on that.
struct Angle(Kernel);

impl Distance<f32> for Angle {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - self.0.dot(a, b)).max(0.0)
    }
}

#[test]
fn our_graph_finds_what_that_of_hnsw_rs_finds() {
    let (count, dimension) = (3000, 128);
    let mut vectors = clustered(31, count + 200, dimension, 30);
    for vector in &mut vectors {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
    }
    let (stored, queries) = vectors.split_at(count);
    let peer = Hnsw::new(16, count, 16, 200, Angle(Kernel::best()));
    stored.iter().enumerate().for_each(|(i, vector)| peer.insert((vector.as_slice(), i)));

    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { approximate_from: 500, ..Limits::default() };
    let collections = Collections::open(folder.path(), limits).expect("opens");
    let collection = collections.create("many", config(dimension)).expect("created");
    let records = stored.iter().enumerate().map(|(i, v)| record(format!("{i}"), v.clone()));
    collection.upsert(records.collect()).expect("stored");
    assert!(collection.wait_until_built(Duration::from_secs(600)));

    let (mut ours, mut theirs) = (0, 0);
    for vector in queries {
        let ask = |query: Query| -> HashSet<String> {
            collection.search(&query).expect("found").into_iter().map(|n| n.id).collect()
        };
        let exact = ask(Query { exact: true, ..query(vector, 10) });
        let found = ask(Query { ef: Some(WIDTH), ..query(vector, 10) });
        let peers: HashSet<String> =
            peer.search(vector, 10, WIDTH).iter().map(|neighbour| neighbour.d_id.to_string()).collect();
        ours += exact.intersection(&found).count();
        theirs += exact.intersection(&peers).count();
    }
    eprintln!("of {} neighbours, ours found {ours}, hnsw_rs {theirs}", 10 * queries.len());
    assert!(ours >= theirs && ours * 100 >= 99 * 10 * queries.len(), "ours found {ours}, hnsw_rs {theirs}");
}
