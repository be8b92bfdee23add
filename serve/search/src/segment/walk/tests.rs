//! Where a walk over an upper layer ends, against comparing all of it, and what it takes.

use super::*;
use crate::distance::{append_codes, padded};
use crate::segment::graph::GraphBuilder;

const DEGREE: usize = 16;
const ENTRIES: usize = 70;

/// Between -1 and 1, the same every time.
fn number(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    (*state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// Directions around centres that have nothing to do with each other, one after the other.
fn directions(count: usize, dimension: usize, clusters: usize, noise: f32, seed: u64) -> Vec<Vec<f32>> {
    let mut state = seed;
    let centres: Vec<f32> = (0..clusters * dimension).map(|_| number(&mut state)).collect();
    let mut direction = |i: usize| {
        let centre = &centres[i * 7919 % clusters * dimension..][..dimension];
        let near: Vec<f32> = centre.iter().map(|x| x + noise * number(&mut state)).collect();
        let length = near.iter().map(|x| x * x).sum::<f32>().sqrt();
        near.iter().map(|x| x / length).collect()
    };
    (0..count).map(&mut direction).collect()
}

/// A linked layer.
struct Layer {
    codes: Vec<u8>,
    scales: Vec<Scale>,
    links: Vec<u32>,
    entries: Vec<u32>,
}

impl Layer {
    fn of(directions: &[Vec<f32>]) -> Self {
        let centre = vec![0.0; directions[0].len()];
        let (mut codes, entries) = (Vec::new(), (0..ENTRIES as u32).collect::<Vec<_>>());
        let scales: Vec<Scale> = directions.iter().map(|x| append_codes(x, &centre, &mut codes)).collect();
        let stride = padded(directions[0].len());
        let mut builder = GraphBuilder::new(Kernel::best(), &codes, &scales, stride, DEGREE);
        for node in 0..scales.len() {
            builder.insert(node as u32, &entries[..ENTRIES.min(node)]);
        }
        let links = builder.finish(0);
        Self { codes, scales, links, entries }
    }

    fn field(&self) -> Field<'_> {
        let Self { codes, scales, links, entries } = self;
        Field { kernel: Kernel::best(), codes, scales, links, degree: DEGREE, entries }
    }
}

#[test]
fn a_walk_that_took_a_wrong_turn_begins_where_it_should() {
    const NODES: usize = 6_000;
    const QUERIES: usize = 300;
    let directions = directions(NODES + QUERIES, 512, 1_200, 0.6, 5);
    let (stored, queries) = directions.split_at(NODES);
    let layer = Layer::of(stored);
    let field = layer.field();
    let mut walk = Walk::default();
    let (mut alone, mut entered) = (0, 0);
    for query in queries {
        walk.query.set(query, &[0.0; 512]);
        walk.compare_all(&field);
        let nearest = walk.pool[0].node();
        alone += usize::from(walk.run(&field, STARTS)[0].node() == nearest);
        let starts = walk.enter(&field);
        assert_eq!(starts.len(), STARTS);
        entered += usize::from(starts[0].node() == nearest);
    }
    assert!(alone < QUERIES * 98 / 100, "{alone} of {QUERIES}: nothing here leads a walk astray");
    assert!(entered >= QUERIES * 99 / 100, "{entered} of {QUERIES}, {alone} without looking again");
}

#[test]
fn a_query_from_elsewhere_does_not_take_comparing_all() {
    const NODES: usize = 16_000;
    const QUERIES: usize = 50;
    for noise in [0.05, 0.2] {
        let layer = Layer::of(&directions(NODES, 128, 40, noise, 5));
        let field = layer.field();
        let (mut walk, mut missed) = (Walk::default(), 0);
        let (mut compared, mut all) = (0, 0);
        for query in directions(QUERIES, 128, QUERIES, noise, 99) {
            walk.query.set(&query, &[0.0; 128]);
            walk.compare_all(&field);
            let nearest = walk.pool[0].score;
            walk.compared = 0;
            let found = walk.enter(&field)[0].score;
            missed += usize::from(found < nearest);
            compared += walk.compared;
            all += usize::from(walk.compared >= NODES);
        }
        let each = compared / QUERIES;
        // All of them did before; some end at different nodes when they look wider, and then it may help.
        assert!(all <= QUERIES / 4, "{all} of {QUERIES} compared all, {each} codes each, {missed} missed");
        assert!(missed <= QUERIES / 10, "{missed} of {QUERIES} missed the nearest, {each} codes each");
    }
}

#[test]
fn a_node_named_twice_is_found_once() {
    let layer = Layer::of(&directions(500, 64, 5, 0.6, 5));
    let twice: Vec<u32> = (0..40).chain(0..40).collect();
    let mut walk = Walk::default();
    walk.query.set(&directions(1, 64, 5, 0.6, 5)[0], &[0.0; 64]);
    let spots = walk.run(&Field { entries: &twice, ..layer.field() }, 100);
    let mut nodes: Vec<u32> = spots.iter().map(|spot| spot.node()).collect();
    nodes.sort_unstable();
    assert!(nodes.len() == 100 && nodes.is_sorted_by(|a, b| a < b), "{nodes:?}");
}
