//! After a build every node is looked for; those that no walk finds are linked again, or walks begin at them.
//!
//! A finished graph in, the same graph out, in which every node is found by its own codes, or else as many that are as near
//! to those: of a thousand pictures that differ in a hair nobody can tell which is found. Thinning drops a link without
//! asking whether it was the only way to a node, so this step is what makes losing one impossible. Who asks for all of the
//! thousand gets them because each is linked to some others.

use std::sync::atomic::{AtomicBool, Ordering};

use super::walk::{Field, Layers, NO_LINK, Walk};

/// Nodes kept by the first, quick attempt to find a node.
const WIDTH_QUICK: usize = 16;
/// Nodes kept by the second; as many as by a search that asks for nothing special.
const WIDTH_PROBE: usize = 64;
/// How many of the nearest nodes get a link to one that was lost.
const LINKS_BACK: usize = 8;
/// How many of those that are as near to its codes get a link to one that others answer for.
const LINKS_ALIKE: usize = 2;

/// What a walk for a node's own codes comes upon.
#[derive(PartialEq)]
enum Found {
    Itself,
    /// As many others as a search keeps that are as near to these codes.
    Alike,
    Nothing,
}

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
        let mut alike = Vec::new();
        // Links only ever take free places, so who was found stays found; the second round is for certainty's sake, and
        // a node that had to be entered makes the others of its neighbourhood findable.
        for _ in 0..2 {
            let mut lost = Vec::new();
            for &node in &nodes {
                if stop.load(Ordering::Relaxed) {
                    return false;
                }
                match self.look_for(node, &mut walk) {
                    Found::Itself => {}
                    Found::Alike => alike.push(node),
                    Found::Nothing => {
                        lost.push(node);
                        self.link_back(node, LINKS_BACK, LINKS_BACK, &mut walk);
                        if self.look_for(node, &mut walk) == Found::Nothing {
                            self.strays.push(node);
                        }
                    }
                }
            }
            self.repaired += lost.len();
            nodes = lost;
        }
        for node in alike {
            // Any free place will do; the nearest have none left after a few.
            self.link_back(node, WIDTH_PROBE, LINKS_ALIKE, &mut walk);
        }
        true
    }

    fn layers(&self) -> Layers<'_> {
        let base = Field { links: &self.links, entries: &self.strays, ..self.layers.base };
        Layers { base, ..self.layers }
    }

    fn look_for(&self, node: u32, walk: &mut Walk) -> Found {
        let layers = self.layers();
        ask_for(node, &layers, walk);
        let own = walk.score_of(&layers.base, node);
        let mut alike = false;
        for width in [WIDTH_QUICK, WIDTH_PROBE] {
            let spots = walk.descend(&layers, width);
            if spots.iter().any(|spot| spot.node() == node) {
                return Found::Itself;
            }
            alike = spots.len() >= WIDTH_PROBE && spots.last().is_some_and(|worst| worst.score >= own);
        }
        if alike { Found::Alike } else { Found::Nothing }
    }

    /// Has `links_max` of the `among` nearest at which a walk ends link to `node`, if their lists have room.
    fn link_back(&mut self, node: u32, among: usize, links_max: usize, walk: &mut Walk) {
        let layers = self.layers();
        ask_for(node, &layers, walk);
        let found = walk.descend(&layers, WIDTH_PROBE);
        let nearest: Vec<u32> = found.iter().map(|spot| spot.node()).filter(|&near| near != node).collect();
        let (degree, mut linked) = (self.layers.base.degree, 0);
        for &from in nearest.iter().take(among) {
            let list = &mut self.links[from as usize * degree..][..degree];
            match list.iter().position(|&link| link == node || link == NO_LINK) {
                Some(place) if linked < links_max => {
                    list[place] = node;
                    linked += 1;
                }
                _ => {}
            }
        }
    }
}

fn ask_for(node: u32, layers: &Layers<'_>, walk: &mut Walk) {
    walk.query.set_codes(layers.base.codes_of(node), layers.base.scales[node as usize]);
}
