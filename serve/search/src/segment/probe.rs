//! After a build every node is looked for; those that no walk finds are linked again, or walks begin at them.
//!
//! A finished graph in, the same graph out, in which every node is found by its own codes, or else as many that are as near
//! to those: of a thousand pictures that differ in a hair nobody can tell which is found. Thinning drops a link without
//! asking whether it was the only way to a node, so this step is what makes losing one impossible.

use std::sync::atomic::{AtomicBool, Ordering};

use super::walk::{Field, Layers, NO_LINK, Walk};

/// Nodes kept by the first, quick attempt to find a node.
const WIDTH_QUICK: usize = 16;
/// Nodes kept by the second; as many as by a search that asks for nothing special.
const WIDTH_PROBE: usize = 64;
/// How many of the nearest nodes get a link to one that was lost.
const LINKS_BACK: usize = 8;

/// A graph whose base can still change.
pub(super) struct Repair<'a> {
    pub(super) layers: Layers<'a>,
    pub(super) links: Vec<u32>,
    /// Nodes that walks begin at, because no links lead there.
    pub(super) strays: Vec<u32>,
    /// Nodes that could not be found and can be now.
    pub(super) repaired: usize,
}

impl Repair<'_> {
    /// Makes every node findable; `false` if told to stop.
    pub(super) fn run(&mut self, stop: &AtomicBool) -> bool {
        let mut walk = Walk::default();
        let mut nodes: Vec<u32> = (0..self.layers.base.scales.len() as u32).collect();
        // Links only ever take free places, so who was found stays found; the second round is for certainty's sake, and
        // a node that had to be entered makes the others of its neighbourhood findable.
        for _ in 0..2 {
            let mut lost = Vec::new();
            for &node in &nodes {
                if stop.load(Ordering::Relaxed) {
                    return false;
                }
                if !self.finds(node, &mut walk) {
                    lost.push(node);
                    self.link_back(node, &mut walk);
                    if !self.finds(node, &mut walk) {
                        self.strays.push(node);
                    }
                }
            }
            self.repaired += lost.len();
            nodes = lost;
        }
        true
    }

    fn layers(&self) -> Layers<'_> {
        let base = Field { links: &self.links, entries: &self.strays, ..self.layers.base };
        Layers { base, ..self.layers }
    }

    /// Whether a walk for a node's own codes comes upon it, or is full of others that answer for it.
    fn finds(&self, node: u32, walk: &mut Walk) -> bool {
        let layers = self.layers();
        walk.query.set_codes(layers.base.codes_of(node), layers.base.scales[node as usize]);
        let own = walk.score_of(&layers.base, node);
        let mut found = |width| {
            let spots = walk.descend(&layers, width);
            let as_near = spots.last().is_some_and(|worst| worst.score >= own);
            spots.iter().any(|spot| spot.node() == node) || (spots.len() >= WIDTH_PROBE && as_near)
        };
        found(WIDTH_QUICK) || found(WIDTH_PROBE)
    }

    /// Links the nodes at which the last walk ended to `node`, where their lists have room.
    fn link_back(&mut self, node: u32, walk: &mut Walk) {
        let found = walk.descend(&self.layers(), WIDTH_PROBE);
        let nearest: Vec<u32> = found.iter().map(|spot| spot.node()).take(LINKS_BACK).collect();
        let degree = self.layers.base.degree;
        for from in nearest {
            let list = &mut self.links[from as usize * degree..][..degree];
            if let Some(free) = list.iter().position(|&link| link == NO_LINK) {
                list[free] = node;
            }
        }
    }
}
