//! In which order nodes lie in the file: those that walks come upon together, together.
//!
//! A walk reads its nodes' codes and links here and there, and most of its time goes into waiting for them. Neighbours that share
//! pages and lie side by side are waited for once (Coleman et al. 2022, "Graph reordering for cache-efficient near
//! neighbor search").

use super::link::Top;
use super::walk::NO_LINK;

/// The nodes in their new order, given the node of the upper layer that each is nearest to.
///
/// The upper layer is gone through from link to link, the nearest first, and put in that order; each of its nodes brings those
/// it is nearest to.
pub(super) fn by_neighbourhood(top: &mut Top, top_degree: usize, nearest: &[u32]) -> Vec<u32> {
    let ranks = ranks(top, top_degree);
    let mut order: Vec<u32> = (0..nearest.len() as u32).collect();
    order.sort_by_key(|&node| ranks[nearest[node as usize] as usize]);
    rearrange(top, top_degree, &ranks);
    order
}

fn rearrange(top: &mut Top, degree: usize, ranks: &[u32]) {
    let stride = top.codes.len() / ranks.len().max(1);
    let Top { codes, scales, links, nodes, entries } = std::mem::take(top);
    for old in places(ranks).into_iter().map(|old| old as usize) {
        top.codes.extend_from_slice(&codes[old * stride..][..stride]);
        top.scales.push(scales[old]);
        top.links.extend_from_slice(&links[old * degree..][..degree]);
        top.nodes.push(nodes[old]);
    }
    top.entries = entries;
    renumber(&mut top.links, ranks);
    renumber(&mut top.entries, ranks);
}

/// Has numbers of nodes, links among them, mean the same when the nodes have gone to these places.
pub(super) fn renumber(nodes: &mut [u32], places: &[u32]) {
    for node in nodes.iter_mut().filter(|node| **node != NO_LINK) {
        *node = places[*node as usize];
    }
}

/// When a walk that goes on to the nearest first, and returns to the last it passed over, comes upon each node.
fn ranks(top: &Top, degree: usize) -> Vec<u32> {
    const UNSEEN: u32 = u32::MAX;
    let count = top.nodes.len();
    let (mut ranks, mut next, mut stack) = (vec![UNSEEN; count], 0, Vec::new());
    for start in 0..count as u32 {
        stack.push(start);
        while let Some(node) = stack.pop() {
            if ranks[node as usize] != UNSEEN {
                continue;
            }
            ranks[node as usize] = next;
            next += 1;
            let links = &top.links[node as usize * degree..][..degree];
            // The nearest comes first in a list, and off a stack last in.
            stack.extend(
                links.iter().rev().filter(|&&link| link != NO_LINK && ranks[link as usize] == UNSEEN),
            );
        }
    }
    ranks
}

/// Where each node of an order has gone.
pub(super) fn places(order: &[u32]) -> Vec<u32> {
    let mut places = vec![0; order.len()];
    for (place, &node) in order.iter().enumerate() {
        places[node as usize] = place as u32;
    }
    places
}
