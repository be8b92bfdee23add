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
use super::link::{DEGREE, Linked, TOP_DEGREE, TOP_SHARE, link};
use super::order::{by_neighbourhood, places, renumber};
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
    let Some(nodes) = distinct(sources, &centre, stop) else { return Ok(false) };
    let (count, stride) = (nodes.scales.len(), padded(dimension));
    let linked = link(kernel, &nodes.codes, &nodes.scales, stride, stop);
    let Some(Linked { mut links, mut strays, mut top, nearest, repaired }) = linked else { return Ok(false) };
    (description.nodes, description.repaired) = (count, repaired);
    let order = by_neighbourhood(&mut top, top_degree, &nearest);
    let (places, mut node_of) = (places(&order), nodes.of);
    for nodes in [&mut links, &mut strays, &mut top.nodes, &mut node_of] {
        renumber(nodes, &places);
    }
    let direction = |node: usize| bytemuck::cast_slice(sources[nodes.first[node] as usize].direction);
    writer.rows(Section::Vectors, &order, &mut description, direction)?;
    let codes = |node: usize| &nodes.codes[node * stride..][..stride];
    writer.rows(Section::Codes, &order, &mut description, codes)?;
    let scale = |node: usize| bytemuck::cast_slice(&nodes.scales[node]);
    writer.rows(Section::Scales, &order, &mut description, scale)?;
    let list = |node: usize| bytemuck::cast_slice(&links[node * degree..][..degree]);
    writer.rows(Section::Links, &order, &mut description, list)?;
    let sequences: Vec<u64> = sources.iter().map(|source| source.sequence).collect();
    let sections: [(Section, &[u8]); 9] = [
        (Section::Strays, bytemuck::cast_slice(&strays)),
        (Section::TopCodes, &top.codes),
        (Section::TopScales, bytemuck::cast_slice(&top.scales)),
        (Section::TopLinks, bytemuck::cast_slice(&top.links)),
        (Section::TopNodes, bytemuck::cast_slice(&top.nodes)),
        (Section::TopEntries, bytemuck::cast_slice(&top.entries)),
        (Section::Centre, bytemuck::cast_slice(&centre)),
        (Section::Sequences, bytemuck::cast_slice(&sequences)),
        (Section::Nodes, bytemuck::cast_slice(&node_of)),
    ];
    for (section, bytes) in sections {
        writer.append(bytes)?;
        writer.end(section, &mut description)?;
    }
    description.build_seconds = started.elapsed().as_secs_f64();
    writer.finish(&description)?;
    Ok(true)
}

/// The distinct directions in codes, whose each is first, and each point's node.
struct Nodes {
    first: Vec<u32>,
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

/// Every distinct direction once.
fn distinct(sources: &[Source<'_>], centre: &[f32], stop: &AtomicBool) -> Option<Nodes> {
    let mut nodes = Nodes {
        first: Vec::new(),
        codes: roomy(sources.len() * padded(centre.len())),
        scales: roomy(sources.len()),
        of: Vec::new(),
    };
    // By their bits, and by codes around zero, which rounding seldom changes, however close to their mean they lie.
    let (zero, mut rough) = (vec![0.0; centre.len()], Vec::new());
    let mut known: HashMap<u64, u32> = HashMap::with_capacity(2 * sources.len());
    for (i, Source { direction, .. }) in sources.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        rough.clear();
        append_codes(direction, &zero, &mut rough);
        let keys = [hash(bytemuck::cast_slice(direction)), hash(&rough)];
        let same = |node: &&u32| is_same(sources[nodes.first[**node as usize] as usize].direction, direction);
        if let Some(&node) = keys.iter().find_map(|key| known.get(key).filter(same)) {
            nodes.of.push(node);
            continue;
        }
        let node = nodes.scales.len() as u32;
        for key in keys {
            known.entry(key).or_insert(node);
        }
        nodes.of.push(node);
        nodes.first.push(i as u32);
        nodes.scales.push(append_codes(direction, centre, &mut nodes.codes));
    }
    Some(nodes)
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
