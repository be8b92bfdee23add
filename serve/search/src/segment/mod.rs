//! A segment: records that were sealed together, with a graph over their directions, in one file that never changes.
//!
//! Out come the nearest of its points to a query. A segment is a cache: whatever is wrong with its file is found by
//! checksum when it is opened, and it is made again from the truth. It knows sequences, not ids, and not who is alive.

mod folder;
mod graph;
mod layout;
mod link;
mod order;
mod probe;
mod seal;
mod walk;
mod write;

use std::cell::RefCell;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use memmap2::Mmap;

pub(crate) use self::folder::{Opened, SegmentFolder};
pub(crate) use self::layout::{Description, Unusable};
use self::layout::{Section, Span};
pub(crate) use self::seal::{Source, bytes_of, seal};
use self::walk::{Field, Layers, NO_LINK, Walk};
use crate::distance::{Kernel, Table};

/// A point's node may differ by this in any number from the truth's direction: another machine rounds otherwise.
const SAME: f32 = 1e-6;

/// What rounding adds to a cosine, of codes or of numbers: where all lie close together that is more than codes are off by.
const ROUNDING: f32 = 5e-7;

/// An open, checked and mapped segment.
pub(crate) struct Segment {
    map: Mmap,
    description: Description,
    kernel: Kernel,
    file: String,
    /// Points in the order of their nodes, and where each node's begin.
    points: Vec<u32>,
    starts: Vec<u32>,
    walks: AtomicUsize,
}

/// How far a walk went.
pub(crate) struct Walked {
    /// Nodes it kept.
    pub(crate) nodes: usize,
    /// The approximate cosine of the farthest of them.
    pub(crate) edge: f32,
}

thread_local! {
    static WALK: RefCell<Walk> = RefCell::default();
}

impl Segment {
    /// Maps a segment's file after checking every byte of it.
    pub(crate) fn open(path: &Path, dimension: usize, kernel: Kernel) -> Result<Self, Unusable> {
        let file = File::open(path).map_err(|e| e.to_string())?;
        // SAFETY: the file is ours alone, in a folder locked against other processes, and is never changed once it
        // is named; a stranger who cuts it short while it is mapped ends this process, as with any mapped file.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| e.to_string())?;
        // Whether a file's pages can be large depends on its file system, so a refusal is nothing.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let description = Description::from_file(&map)?;
        check_sections(&map, &description)?;
        if description.dimension != dimension {
            return Err(format!("its vectors have {} numbers, not {dimension}", description.dimension).into());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut segment = Self {
            map,
            description,
            kernel,
            file: name,
            points: Vec::new(),
            starts: Vec::new(),
            walks: AtomicUsize::new(0),
        };
        segment.check_numbers()?;
        (segment.points, segment.starts) = segment.points_by_node();
        Ok(segment)
    }

    /// Compares every section with its checksum once more, for a disk may forget while a file is open.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_sections(&self.map, &self.description)
    }

    /// A checksum tells damage, not nonsense; and nothing below looks again whether a link leads anywhere.
    fn check_numbers(&self) -> Result<(), String> {
        let nodes = self.description.nodes as u32;
        let tops = self.numbers(Section::TopNodes).len() as u32;
        let below = |section, end: u32| self.numbers(section).iter().all(|&number| number < end);
        let lead =
            |section, end: u32| self.numbers(section).iter().all(|&link| link < end || link == NO_LINK);
        let nodes_fit =
            [Section::Strays, Section::Nodes, Section::TopNodes].map(|section| below(section, nodes));
        let links =
            lead(Section::Links, nodes) && lead(Section::TopLinks, tops) && below(Section::TopEntries, tops);
        let sorted = self.sequences().is_sorted_by(|a, b| a < b);
        match links && sorted && nodes_fit == [true; 3] {
            true => Ok(()),
            false => Err("it holds numbers that lead nowhere".to_owned()),
        }
    }

    fn points_by_node(&self) -> (Vec<u32>, Vec<u32>) {
        let nodes = self.numbers(Section::Nodes);
        let mut starts = vec![0; self.description.nodes + 1];
        nodes.iter().for_each(|&node| starts[node as usize + 1] += 1);
        (1..starts.len()).for_each(|i| starts[i] += starts[i - 1]);
        let (mut points, mut ends) = (vec![0; nodes.len()], starts.clone());
        for (point, &node) in nodes.iter().enumerate() {
            points[ends[node as usize] as usize] = point as u32;
            ends[node as usize] += 1;
        }
        (points, starts)
    }

    fn bytes(&self, section: Section) -> &[u8] {
        let span = self.description.sections[section as usize];
        &self.map[span.start..span.start + span.bytes]
    }

    fn numbers(&self, section: Section) -> &[u32] {
        bytemuck::cast_slice(self.bytes(section))
    }

    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    /// Its file's name, without folders.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Bytes of its file that a walk reads: everything but the directions and whose they are.
    pub(crate) fn walked_bytes(&self) -> usize {
        let others = [Section::Vectors, Section::Sequences, Section::Nodes];
        let all: usize = self.description.sections.iter().map(|span| span.bytes).sum();
        all - others.iter().map(|&section| self.bytes(section).len()).sum::<usize>()
    }

    /// Walks through it since it was opened.
    pub(crate) fn walks(&self) -> usize {
        self.walks.load(Ordering::Relaxed)
    }

    /// Which record's vector each point is, ascending.
    pub(crate) fn sequences(&self) -> &[u64] {
        bytemuck::cast_slice(self.bytes(Section::Sequences))
    }

    /// All directions, one a node.
    pub(crate) fn directions(&self) -> &[f32] {
        bytemuck::cast_slice(self.bytes(Section::Vectors))
    }

    /// All of them and their codes.
    pub(crate) fn table(&self) -> Table<'_> {
        Table {
            numbers: self.directions(),
            codes: self.bytes(Section::Codes),
            scales: bytemuck::cast_slice(self.bytes(Section::Scales)),
            centre: bytemuck::cast_slice(self.bytes(Section::Centre)),
        }
    }

    /// A node's direction.
    pub(crate) fn direction(&self, node: u32) -> &[f32] {
        let dimension = self.description.dimension;
        &self.directions()[node as usize * dimension..][..dimension]
    }

    /// The node a point lies at.
    pub(crate) fn node_of(&self, point: usize) -> u32 {
        self.numbers(Section::Nodes)[point]
    }

    /// The points that lie at a node.
    pub(crate) fn points_at(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let [start, end] = [node, node + 1].map(|node| self.starts[node as usize] as usize);
        self.points[start..end].iter().copied()
    }

    /// Whether a point's direction is the one the truth gives its record.
    pub(crate) fn agrees(&self, point: usize, direction: &[f32]) -> bool {
        let own = self.direction(self.node_of(point));
        own.iter().zip(direction).all(|(a, b)| (a - b).abs() <= SAME)
    }

    fn layers(&self) -> Layers<'_> {
        let Description { degree, top_degree, .. } = self.description;
        let field = |codes, scales, links, entries, degree| Field {
            kernel: self.kernel,
            codes: self.bytes(codes),
            scales: bytemuck::cast_slice(self.bytes(scales)),
            links: self.numbers(links),
            degree,
            entries: self.numbers(entries),
        };
        Layers {
            top: field(
                Section::TopCodes,
                Section::TopScales,
                Section::TopLinks,
                Section::TopEntries,
                top_degree,
            ),
            top_nodes: self.numbers(Section::TopNodes),
            base: field(Section::Codes, Section::Scales, Section::Links, Section::Strays, degree),
        }
    }

    /// Hands the `width` nodes nearest to a direction to `visit`, best first, each with its approximate cosine and how
    /// far that may be off, until `visit` has had enough.
    pub(crate) fn walk(
        &self,
        direction: &[f32],
        width: usize,
        mut visit: impl FnMut(f32, f32, u32) -> bool,
    ) -> Walked {
        self.walks.fetch_add(1, Ordering::Relaxed);
        let layers = self.layers();
        WALK.with_borrow_mut(|walk| {
            walk.query.set(direction, self.table().centre);
            let own = walk.query.step();
            let spots = walk.descend(&layers, width);
            for spot in spots {
                let [step, _] = layers.base.scales[spot.node() as usize];
                if !visit(spot.score, error(spot.score, [own, step], direction.len()), spot.node()) {
                    break;
                }
            }
            Walked { nodes: spots.len(), edge: spots.last().map_or(-1.0, |spot| spot.score) }
        })
    }
}

fn check_sections(file: &[u8], description: &Description) -> Result<(), String> {
    let sound = |span: &Span| crc32fast::hash(&file[span.start..span.start + span.bytes]) == span.checksum;
    if description.sections.iter().all(sound) { Ok(()) } else { Err("a checksum does not match".to_owned()) }
}

/// How far a cosine taken between codes is off: three times its deviation, as each number of them is off by a twelfth of
/// a step squared in the middle, and what this adds to their distance.
fn error(cosine: f32, steps: [f32; 2], dimension: usize) -> f32 {
    let variance = steps.iter().map(|step| step * step).sum::<f32>() / 12.0;
    let squared = (2.0 - 2.0 * cosine).max(0.0);
    3.0 * (squared * variance).sqrt() + dimension as f32 * variance / 2.0 + ROUNDING
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("file", &self.file).field("description", &self.description).finish()
    }
}
