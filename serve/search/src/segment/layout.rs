//! Where everything lies in a segment's file, and how it is told from damage.
//!
//! A page with magic, format, checksum and a description in JSON; after it the sections, each at a multiple of 64 bytes
//! and with a checksum of its own, little-endian. It knows nothing of what the numbers mean to a search.

use serde::{Deserialize, Serialize};

/// Bytes before the first section.
pub(super) const PAGE: usize = 4096;
const MAGIC: &[u8; 8] = b"SIMCLRSG";
/// 2: codes are around the mean of their segment.
const FORMAT: u32 = 2;
/// Magic, format, checksum and length of the description.
const PREFIX: usize = 20;

/// Why a segment's file cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// An earlier version of this program has written it.
    Outdated,
    /// In words.
    Damaged(String),
}

impl<E: Into<String>> From<E> for Unusable {
    fn from(reason: E) -> Self {
        Self::Damaged(reason.into())
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Outdated => f.write_str("an earlier version has written it"),
            Self::Damaged(reason) => f.write_str(reason),
        }
    }
}

/// The parts of a segment, in the order of the description's list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Section {
    /// f32, nodes × dimension: the directions.
    Vectors,
    /// u8, nodes × padded dimension.
    Codes,
    /// f32, two a node: a step of its codes, and half their squared length.
    Scales,
    /// u32, nodes × degree.
    Links,
    /// u32: nodes that no links lead to.
    Strays,
    /// u8: the codes of the upper layer's nodes.
    TopCodes,
    /// f32: their scales.
    TopScales,
    /// u32: their links among each other.
    TopLinks,
    /// u32: which nodes they are.
    TopNodes,
    /// u32: where walks over them begin.
    TopEntries,
    /// f32, dimension: what codes are relative to.
    Centre,
    /// u64, one a point, ascending: which record's vector it is.
    Sequences,
    /// u32, one a point: its node.
    Nodes,
}

/// How many sections there are.
pub(super) const SECTIONS: usize = 13;

/// Where a section lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) bytes: usize,
    pub(super) checksum: u32,
}

/// What a segment says about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) dimension: usize,
    /// Records it was made of.
    pub(crate) points: usize,
    /// Distinct directions among them.
    pub(crate) nodes: usize,
    pub(crate) degree: usize,
    pub(super) top_degree: usize,
    /// Nodes that could not be found after linking and were made findable.
    pub(crate) repaired: usize,
    pub(crate) build_seconds: f64,
    pub(super) sections: [Span; SECTIONS],
}

impl Description {
    /// The first page of the file; `None` if it does not fit, which no description of ours does.
    pub(super) fn to_page(&self) -> Option<Vec<u8>> {
        let json = serde_json::to_vec(self).ok()?;
        let mut page = Vec::with_capacity(PAGE);
        page.extend_from_slice(MAGIC);
        page.extend_from_slice(&FORMAT.to_le_bytes());
        page.extend_from_slice(&crc32fast::hash(&json).to_le_bytes());
        page.extend_from_slice(&u32::try_from(json.len()).ok()?.to_le_bytes());
        page.extend_from_slice(&json);
        (page.len() <= PAGE).then(|| {
            page.resize(PAGE, 0);
            page
        })
    }

    /// Reads and checks the first page, and that the sections it names are where they can be.
    pub(super) fn from_file(file: &[u8]) -> Result<Self, Unusable> {
        let prefix = file.get(..PREFIX).ok_or("it is too short")?;
        let number =
            |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
        if &prefix[..8] != MAGIC {
            return Err("it does not begin like a segment".into());
        }
        if number(8) != FORMAT {
            let other = format!("it has format {}, and this program reads format {FORMAT}", number(8));
            return Err(if (1..FORMAT).contains(&number(8)) { Unusable::Outdated } else { other.into() });
        }
        let json = file[PREFIX..].get(..number(16) as usize).ok_or("its description is cut off")?;
        if crc32fast::hash(json) != number(12) {
            return Err("the checksum of its description does not match".into());
        }
        let description: Self =
            serde_json::from_slice(json).map_err(|e| format!("its description cannot be read: {e}"))?;
        description.check_lengths(file.len())?;
        Ok(description)
    }

    fn check_lengths(&self, file: usize) -> Result<(), String> {
        let Self { dimension, points, nodes, degree, top_degree, sections, .. } = self;
        let (d, n, m) = (*dimension, *points, *nodes);
        let t = sections[Section::TopNodes as usize].bytes / 4;
        let sum = |parts: &[usize]| parts.iter().try_fold(1usize, |product, &x| product.checked_mul(x));
        let any = |section: Section| Some(sections[section as usize].bytes / 4 * 4);
        let expected = [
            sum(&[m, d, 4]),
            sum(&[m, d.next_multiple_of(64)]),
            sum(&[m, 8]),
            sum(&[m, *degree, 4]),
            any(Section::Strays),
            sum(&[t, d.next_multiple_of(64)]),
            sum(&[t, 8]),
            sum(&[t, *top_degree, 4]),
            sum(&[t, 4]),
            any(Section::TopEntries),
            sum(&[d, 4]),
            sum(&[n, 8]),
            sum(&[n, 4]),
        ];
        let mut end = PAGE;
        for (span, expected) in sections.iter().zip(expected) {
            let inside = span.start >= end && span.start.is_multiple_of(64);
            end = span.start.saturating_add(span.bytes);
            if Some(span.bytes) != expected || !inside || end > file {
                return Err("its sections are not where they must be".to_owned());
            }
        }
        if end != file || m == 0 || m > n || n > u32::MAX as usize / 2 {
            return Err(format!("it has {file} bytes, and its description speaks of {end}"));
        }
        Ok(())
    }
}
