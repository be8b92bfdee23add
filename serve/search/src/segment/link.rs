//! Links all nodes in two layers, and sees to it that every one is found.
//!
//! Codes in, links out. The upper layer is a sample; it is linked first, and then says where to begin linking the others.

use std::sync::atomic::{AtomicBool, Ordering};

use super::graph::GraphBuilder;
use super::probe::Repair;
use super::walk::{Field, Layers, Walk};
use crate::distance::{Kernel, Scale};

/// Places for links of a node. More find the last neighbours sooner; fewer take less memory and time.
pub(super) const DEGREE: usize = 32;
/// Those left free when the graph is made, for links to nodes that are lost otherwise.
const SPARE: usize = 2;
/// Links of a node of the upper layer.
pub(super) const TOP_DEGREE: usize = 16;
/// One node in this many is in the upper layer.
pub(super) const TOP_SHARE: usize = 16;

/// The upper layer.
#[derive(Default)]
pub(super) struct Top {
    pub(super) codes: Vec<u8>,
    pub(super) scales: Vec<Scale>,
    pub(super) links: Vec<u32>,
    /// Which nodes of the base they are.
    pub(super) nodes: Vec<u32>,
    pub(super) entries: Vec<u32>,
}

/// A finished graph.
pub(super) struct Linked {
    pub(super) links: Vec<u32>,
    pub(super) strays: Vec<u32>,
    pub(super) top: Top,
    /// The node of the upper layer that is nearest to each, about.
    pub(super) nearest: Vec<u32>,
    pub(super) repaired: usize,
}

/// Links the nodes of these codes, `stride` a node; `None` if told to stop.
pub(super) fn link(
    kernel: Kernel,
    codes: &[u8],
    scales: &[Scale],
    stride: usize,
    stop: &AtomicBool,
) -> Option<Linked> {
    let order = shuffled(scales.len() as u32);
    let top = link_top(kernel, codes, scales, stride, &order, stop)?;
    let top_field = Field {
        kernel,
        codes: &top.codes,
        scales: &top.scales,
        links: &top.links,
        degree: TOP_DEGREE,
        entries: &top.entries,
    };
    let base = Field { kernel, codes, scales, links: &[], degree: DEGREE, entries: &[] };
    let (mut above, mut starts, mut nearest) = (Walk::default(), Vec::new(), vec![0; order.len()]);
    let mut builder = GraphBuilder::new(kernel, codes, scales, stride, DEGREE - SPARE);
    for (done, &node) in order.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        above.query.set_codes(base.codes_of(node), scales[node as usize]);
        starts.clear();
        // The sample is linked first and in its own order; what is not linked yet leads nowhere.
        let found = above.enter(&top_field).iter().map(|spot| spot.node() as usize);
        nearest[node as usize] = found.clone().next().unwrap_or(0) as u32;
        starts.extend(found.filter(|&i| i < done).map(|i| top.nodes[i]));
        if starts.is_empty() {
            starts.extend(order[..done].first());
        }
        builder.insert(node, &starts);
    }
    let links = builder.finish(SPARE);
    let layers = Layers { top: top_field, top_nodes: &top.nodes, base };
    let mut repair = Repair { layers, links, strays: Vec::new(), repaired: 0 };
    if !repair.run(stop) {
        return None;
    }
    let Repair { links, strays, repaired, .. } = repair;
    Some(Linked { links, strays, top, nearest, repaired })
}

/// Copies and links the first of the nodes.
fn link_top(
    kernel: Kernel,
    codes: &[u8],
    scales: &[Scale],
    stride: usize,
    order: &[u32],
    stop: &AtomicBool,
) -> Option<Top> {
    let mut top = Top { nodes: order[..order.len().div_ceil(TOP_SHARE)].to_vec(), ..Top::default() };
    for &node in &top.nodes {
        top.codes.extend_from_slice(&codes[node as usize * stride..][..stride]);
        top.scales.push(scales[node as usize]);
    }
    let count = top.nodes.len() as u32;
    top.entries = (0..((f64::from(count)).sqrt() as u32 + 1).min(count)).collect();
    let mut builder = GraphBuilder::new(kernel, &top.codes, &top.scales, stride, TOP_DEGREE);
    for node in 0..count {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        builder.insert(node, &top.entries[..(node as usize).min(top.entries.len())]);
    }
    top.links = builder.finish(0);
    Some(top)
}

/// All nodes in an order that has nothing to do with when they came, and is the same every time.
///
/// Nodes that arrive sorted, like the pictures of one kind after the other, would be linked to their predecessors only.
fn shuffled(nodes: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..nodes).collect();
    order.sort_by_cached_key(|&node| {
        (u64::from(node) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
    });
    order
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::distance::{append_codes, padded};

    const DIMENSION: usize = 128;
    const OTHERS: usize = 3000;

    fn number(state: &mut u64) -> f32 {
        *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (*state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    #[test]
    fn copies_that_differ_in_a_hair_are_found_through_links() {
        let mut state = 7;
        let mut vector = || (0..DIMENSION).map(|_| number(&mut state)).collect::<Vec<_>>();
        let mut rows: Vec<Vec<f32>> = (0..OTHERS).map(|_| vector()).collect();
        let copied = vector();
        for _ in 0..1000 {
            rows.push(copied.iter().zip(vector()).map(|(x, hair)| x * (1.0 + 1e-5 * hair)).collect());
        }
        let (centre, mut codes) = ([0.0; DIMENSION], Vec::new());
        let direction = |row: &Vec<f32>| {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter().map(|x| x / length).collect::<Vec<_>>()
        };
        let code = |row| append_codes(&direction(row), &centre, &mut codes);
        let scales: Vec<Scale> = rows.iter().map(code).collect();
        let stop = AtomicBool::new(false);
        let linked = link(Kernel::best(), &codes, &scales, padded(DIMENSION), &stop).expect("not stopped");
        let distinct: HashSet<&u32> = linked.strays.iter().collect();
        assert_eq!(distinct.len(), linked.strays.len(), "a node is a stray once");
        assert!(distinct.len() < 20, "{} strays, {} repaired", distinct.len(), linked.repaired);
    }
}
