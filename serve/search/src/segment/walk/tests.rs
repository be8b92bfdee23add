//! Where a walk over an upper layer ends, against comparing all of it.

use super::*;
use crate::distance::{Quantiser, padded};
use crate::segment::graph::GraphBuilder;

const DIMENSION: usize = 512;
const CLUSTERS: usize = 1_200;
const NODES: usize = 6_000;
const DEGREE: usize = 16;
const QUERIES: usize = 300;

/// Between -1 and 1, the same every time.
fn number(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    (*state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// Directions around centres that have nothing to do with each other, one after the other.
fn directions(count: usize) -> Vec<f32> {
    let mut state = 5;
    let centres: Vec<f32> = (0..CLUSTERS * DIMENSION).map(|_| number(&mut state)).collect();
    let mut directions = Vec::new();
    for i in 0..count {
        let centre = &centres[i * 7919 % CLUSTERS * DIMENSION..][..DIMENSION];
        let near: Vec<f32> = centre.iter().map(|x| x + 0.6 * number(&mut state)).collect();
        let length = near.iter().map(|x| x * x).sum::<f32>().sqrt();
        directions.extend(near.iter().map(|x| x / length));
    }
    directions
}

#[test]
fn a_walk_that_took_a_wrong_turn_begins_where_it_should() {
    let (kernel, quantiser) = (Kernel::best(), Quantiser::new(DIMENSION));
    let directions = directions(NODES + QUERIES);
    let (stored, queries) = directions.split_at(NODES * DIMENSION);
    let (mut codes, mut steps) = (Vec::new(), Vec::new());
    for direction in stored.chunks_exact(DIMENSION) {
        steps.push(quantiser.append(direction, &mut codes));
    }
    let entries: Vec<u32> = (0..70).collect();
    let mut builder = GraphBuilder::new(kernel, &codes, &steps, padded(DIMENSION), DEGREE);
    (0..NODES as u32).for_each(|node| builder.insert(node, &entries[..70.min(node as usize)]));
    let links = builder.finish(0);
    let field =
        Field { kernel, codes: &codes, steps: &steps, links: &links, degree: DEGREE, entries: &entries };
    let mut walk = Walk::default();
    let (mut alone, mut entered) = (0, 0);
    for query in queries.chunks_exact(DIMENSION) {
        walk.query.set(query);
        walk.nodes.clear();
        walk.nodes.extend(0..NODES as u32);
        walk.pool.clear();
        walk.weigh(&field, 1);
        let nearest = walk.pool[0].node();
        alone += usize::from(walk.run(&field, STARTS)[0].node() == nearest);
        let starts = walk.enter(&field);
        assert_eq!(starts.len(), STARTS);
        entered += usize::from(starts[0].node() == nearest);
    }
    assert!(alone < QUERIES * 98 / 100, "{alone} of {QUERIES}: nothing here leads a walk astray");
    assert!(entered >= QUERIES * 99 / 100, "{entered} of {QUERIES}, {alone} without looking again");
}
