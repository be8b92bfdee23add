//! After a build every node is looked for; those that no walk finds are linked again, or walks begin at them.
//!
//! A finished graph in, the same graph out, in which every node is found by its own codes. Thinning drops a link without
//! asking whether it was the only way to a node, so this step is what makes losing one impossible.

use std::sync::atomic::{AtomicBool, Ordering};

use super::walk::{Field, NO_LINK, Walk};

/// Nodes kept by the first, quick attempt to find a node.
const WIDTH_QUICK: usize = 16;
/// Nodes kept by the second; as many as by a search that asks for nothing special.
const WIDTH_PROBE: usize = 64;
/// How many of the nearest nodes get a link to one that was lost.
const LINKS_BACK: usize = 8;

/// What probing found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repaired {
    /// Nodes that could not be found and can be now.
    pub(crate) relinked: usize,
    /// Nodes that walks now begin at, because links did not help.
    pub(crate) entered: usize,
}

/// Makes every node findable; `None` if told to stop.
pub(crate) fn repair(
    field: &Field<'_>,
    links: &mut [u32],
    entries: &mut Vec<u32>,
    stop: &AtomicBool,
) -> Option<Repaired> {
    let (mut walk, mut repaired) = (Walk::default(), Repaired::default());
    // A link that finds one node may push nobody out, as only free places are taken; so one round is enough.
    let lost = lost(field, links, entries, 0..field.steps.len() as u32, stop)?;
    for &node in &lost {
        link_back(field, links, entries, node, &mut walk);
    }
    repaired.relinked = lost.len();
    let still_lost = self::lost(field, links, entries, lost.into_iter(), stop)?;
    repaired.relinked -= still_lost.len();
    repaired.entered = still_lost.len();
    entries.extend(still_lost);
    Some(repaired)
}

/// Those of `nodes` that a walk for their own codes does not find.
fn lost(
    field: &Field<'_>,
    links: &[u32],
    entries: &[u32],
    nodes: impl Iterator<Item = u32>,
    stop: &AtomicBool,
) -> Option<Vec<u32>> {
    let field = Field { links, entries, ..*field };
    let (mut walk, mut lost) = (Walk::default(), Vec::new());
    for node in nodes {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        set_query(&field, node, &mut walk);
        let mut found = |width| walk.run(&field, width).iter().any(|spot| spot.node() == node);
        if !found(WIDTH_QUICK) && !found(WIDTH_PROBE) {
            lost.push(node);
        }
    }
    Some(lost)
}

/// Links the nodes a walk for `node` ends at to it, where their lists have room.
fn link_back(field: &Field<'_>, links: &mut [u32], entries: &[u32], node: u32, walk: &mut Walk) {
    set_query(field, node, walk);
    let found = walk.run(&Field { links, entries, ..*field }, WIDTH_PROBE);
    let nearest: Vec<u32> = found.iter().map(|spot| spot.node()).take(LINKS_BACK).collect();
    for from in nearest {
        let list = &mut links[from as usize * field.degree..][..field.degree];
        if let Some(free) = list.iter().position(|&link| link == NO_LINK) {
            list[free] = node;
        }
    }
}

fn set_query(field: &Field<'_>, node: u32, walk: &mut Walk) {
    let stride = field.codes.len() / field.steps.len().max(1);
    walk.query.set_codes(&field.codes[node as usize * stride..][..stride], field.steps[node as usize]);
}
