//! Makes a segment of what lies in memory and in older segments: directions in, one file out.
//!
//! Runs in the background and looks only at what nobody changes. Points are written in the order of their sequences;
//! those that lie at the same direction share a node, so that a thousand copies of one picture cost one.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::graph::GraphBuilder;
use super::layout::{Description, Section};
use super::probe::{Repaired, repair};
use super::walk::Field;
use super::write::Writer;
use crate::distance::{Kernel, Quantiser, padded};

/// Links of a node. More find the last neighbours sooner; fewer take less memory and time.
const DEGREE: usize = 32;
/// Nodes that walks may begin at: enough to have one in every region, few enough to look at all.
const ENTRIES_MAX: usize = 512;

/// A direction to seal: which record's it is.
pub(crate) struct Source<'a> {
    pub(crate) sequence: u64,
    pub(crate) direction: &'a [f32],
}

/// Writes a segment of `sources`, which ascend by sequence; `false` if told to stop, and then the file is worth nothing.
pub(crate) fn seal(
    sources: &[Source<'_>],
    dimension: usize,
    kernel: Kernel,
    path: &Path,
    stop: &AtomicBool,
) -> std::io::Result<bool> {
    let started = Instant::now();
    let mut writer = Writer::create(path)?;
    let mut description =
        Description { dimension, points: sources.len(), degree: DEGREE, ..Description::default() };
    let Some(nodes) = write_nodes(sources, dimension, &mut writer, stop)? else { return Ok(false) };
    writer.end(Section::Vectors, &mut description)?;
    let Some((links, entries, repaired)) = link(kernel, &nodes, padded(dimension), stop) else {
        return Ok(false);
    };
    description.nodes = nodes.steps.len();
    description.repaired = repaired.relinked + repaired.entered;
    let sequences: Vec<u64> = sources.iter().map(|source| source.sequence).collect();
    let node_of = if description.nodes == sources.len() { &[][..] } else { &nodes.of };
    let sections: [(Section, &[u8]); 6] = [
        (Section::Codes, &nodes.codes),
        (Section::Steps, bytemuck::cast_slice(&nodes.steps)),
        (Section::Links, bytemuck::cast_slice(&links)),
        (Section::Entries, bytemuck::cast_slice(&entries)),
        (Section::Sequences, bytemuck::cast_slice(&sequences)),
        (Section::Nodes, bytemuck::cast_slice(node_of)),
    ];
    for (section, bytes) in sections {
        writer.append(bytes)?;
        writer.end(section, &mut description)?;
    }
    description.build_seconds = started.elapsed().as_secs_f64();
    writer.finish(&description)?;
    Ok(true)
}

/// The distinct directions in codes, and each point's node.
#[derive(Default)]
struct Nodes {
    codes: Vec<u8>,
    steps: Vec<f32>,
    of: Vec<u32>,
}

/// Writes every distinct direction once, and keeps its codes.
fn write_nodes(
    sources: &[Source<'_>],
    dimension: usize,
    writer: &mut Writer,
    stop: &AtomicBool,
) -> std::io::Result<Option<Nodes>> {
    let (mut nodes, quantiser) = (Nodes::default(), Quantiser::new(dimension));
    let mut first: HashMap<u64, (usize, u32)> = HashMap::with_capacity(sources.len());
    for (i, Source { direction, .. }) in sources.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let key = hash(direction);
        if let Some(&(other, node)) = first.get(&key)
            && sources[other].direction == *direction
        {
            nodes.of.push(node);
            continue;
        }
        let node = nodes.steps.len() as u32;
        first.entry(key).or_insert((i, node));
        nodes.of.push(node);
        nodes.steps.push(quantiser.append(direction, &mut nodes.codes));
        writer.append(bytemuck::cast_slice(direction))?;
    }
    Ok(Some(nodes))
}

fn hash(direction: &[f32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytemuck::cast_slice::<f32, u8>(direction).hash(&mut hasher);
    hasher.finish()
}

/// Links all nodes, and sees to it that every one is found.
fn link(
    kernel: Kernel,
    nodes: &Nodes,
    stride: usize,
    stop: &AtomicBool,
) -> Option<(Vec<u32>, Vec<u32>, Repaired)> {
    let (codes, steps) = (&nodes.codes, &nodes.steps);
    let order = shuffled(steps.len() as u32);
    let count = (steps.len() as f64).sqrt() as usize + 1;
    let mut entries = order[..count.min(ENTRIES_MAX).min(order.len())].to_vec();
    let mut builder = GraphBuilder::new(kernel, codes, steps, stride, DEGREE);
    for (done, &node) in order.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        // Only what is linked already can lead anywhere.
        builder.insert(node, &entries[..done.min(entries.len())]);
    }
    let mut links = builder.finish();
    let field = Field { kernel, codes, steps, links: &[], degree: DEGREE, entries: &[] };
    let repaired = repair(&field, &mut links, &mut entries, stop)?;
    Some((links, entries, repaired))
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
