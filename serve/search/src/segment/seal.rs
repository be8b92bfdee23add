//! Makes a segment of what lies in memory and in older segments: directions in, one file out.
//!
//! Runs in the background and looks only at what nobody changes. Points are written in the order of their sequences;
//! those that lie at the same direction share a node, so that a thousand copies of one picture cost one. So do most of those
//! that only rounding tells apart, like one vector at several lengths.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::SAME;
use super::layout::{Description, Section};
use super::link::{DEGREE, TOP_DEGREE, TOP_SHARE, link};
use super::write::Writer;
use crate::distance::{Kernel, Scale, append_codes, padded};
use crate::large_pages::roomy;

/// Directions no farther from each other than this may share a node: a score is off by no more, and in f32 rounding adds as much.
/// A fifth of what a segment may differ from the truth by, because each merge may move a point once more.
const ROUNDING: f32 = SAME / 5.0;

/// A direction to seal: which record's it is.
pub(crate) struct Source<'a> {
    pub(crate) sequence: u64,
    pub(crate) direction: &'a [f32],
}

/// Bytes that a segment of so many points takes on disk, about.
pub(crate) fn bytes_of(points: usize, dimension: usize) -> u64 {
    let node = padded(dimension) + size_of::<Scale>();
    let all = 4 * dimension + node + 4 * DEGREE + size_of::<u64>() + size_of::<u32>();
    let above = node + 4 * TOP_DEGREE + 2 * size_of::<u32>();
    (points * (all + above.div_ceil(TOP_SHARE))) as u64
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
    let (points, degree, top_degree) = (sources.len(), DEGREE, TOP_DEGREE);
    let mut description = Description { dimension, points, degree, top_degree, ..Description::default() };
    let centre = mean(sources, dimension);
    let Some(nodes) = write_nodes(sources, &centre, &mut writer, stop)? else { return Ok(false) };
    writer.end(Section::Vectors, &mut description)?;
    let linked = link(kernel, &nodes.codes, &nodes.scales, padded(dimension), stop);
    let Some(linked) = linked else { return Ok(false) };
    (description.nodes, description.repaired) = (nodes.scales.len(), linked.repaired);
    let sequences: Vec<u64> = sources.iter().map(|source| source.sequence).collect();
    let node_of = if description.nodes == sources.len() { &[][..] } else { &nodes.of };
    let sections: [(Section, &[u8]); 12] = [
        (Section::Codes, &nodes.codes),
        (Section::Scales, bytemuck::cast_slice(&nodes.scales)),
        (Section::Links, bytemuck::cast_slice(&linked.links)),
        (Section::Strays, bytemuck::cast_slice(&linked.strays)),
        (Section::TopCodes, &linked.top.codes),
        (Section::TopScales, bytemuck::cast_slice(&linked.top.scales)),
        (Section::TopLinks, bytemuck::cast_slice(&linked.top.links)),
        (Section::TopNodes, bytemuck::cast_slice(&linked.top.nodes)),
        (Section::TopEntries, bytemuck::cast_slice(&linked.top.entries)),
        (Section::Centre, bytemuck::cast_slice(&centre)),
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
struct Nodes {
    codes: Vec<u8>,
    scales: Vec<Scale>,
    of: Vec<u32>,
}

/// What the codes of these are around.
fn mean(sources: &[Source<'_>], dimension: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; dimension];
    for Source { direction, .. } in sources {
        sums.iter_mut().zip(*direction).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    sums.into_iter().map(|sum| (sum / sources.len() as f64) as f32).collect()
}

/// Writes every distinct direction once, and keeps its codes.
fn write_nodes(
    sources: &[Source<'_>],
    centre: &[f32],
    writer: &mut Writer,
    stop: &AtomicBool,
) -> std::io::Result<Option<Nodes>> {
    let mut nodes = Nodes {
        codes: roomy(sources.len() * padded(centre.len())),
        scales: roomy(sources.len()),
        of: Vec::new(),
    };
    // By their bits, and by their codes, which rounding seldom changes.
    let mut first: HashMap<u64, (usize, u32)> = HashMap::with_capacity(2 * sources.len());
    for (i, Source { direction, .. }) in sources.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let known = nodes.codes.len();
        let scale = append_codes(direction, centre, &mut nodes.codes);
        let keys = [hash(bytemuck::cast_slice(direction)), hash(&nodes.codes[known..])];
        let same = |(other, _): &&(usize, u32)| is_same(sources[*other].direction, direction);
        if let Some(&(_, node)) = keys.iter().find_map(|key| first.get(key).filter(same)) {
            nodes.codes.truncate(known);
            nodes.of.push(node);
            continue;
        }
        let node = nodes.scales.len() as u32;
        for key in keys {
            first.entry(key).or_insert((i, node));
        }
        nodes.of.push(node);
        nodes.scales.push(scale);
        writer.append(bytemuck::cast_slice(direction))?;
    }
    Ok(Some(nodes))
}

/// Whether nothing but rounding lies between two directions.
fn is_same(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>() <= ROUNDING * ROUNDING
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
