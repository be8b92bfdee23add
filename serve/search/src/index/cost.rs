//! Which way to search is quicker, guessed from how many are walked over, scanned or asked about.

use super::{View, coded};
use crate::filter::Compiled;
use crate::segment::Segment;

/// Records asked about a filter beforehand.
const ASKED: usize = 512;
/// The golden section of 2⁶⁴: its multiples fall everywhere, and nowhere regularly.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// What a search takes, in comparisons of codes: a walk makes so many for each node it keeps,
const COMPARED: f32 = 16.0;
/// keeping a pool of this many in order takes as long again, and of more in proportion,
const POOL: f32 = 4096.0;
/// a scan asks the filter about every record,
const ASKING: f32 = 0.7;
/// and compares each that is allowed, in f32 and from farther away. Measured with 512 numbers a record.
const COMPARING: f32 = 10.0;
/// Codes are compared so many in the order they lie in while a walk compares one.
const IN_ORDER: usize = 4;

impl View {
    /// Whether comparing all codes of a segment takes no longer than a walk that keeps `width` nodes, and misses nothing.
    pub(super) fn scan_is_cheaper(&self, segment: &Segment, width: usize) -> bool {
        let nodes = segment.description().nodes;
        self.dimension >= coded::CODED
            && self.is_small(nodes)
            && nodes <= width * COMPARED as usize * IN_ORDER
    }

    /// Whether there are so few that comparing all is no slower than walking: half as many as a graph is first made for, so that a
    /// collection that shrinks and grows about that number does not change its ways each time.
    pub(super) fn is_small(&self, records: usize) -> bool {
        records < self.approximate_from / 2
    }

    /// Whether walks that keep `width` of what is allowed take less time than comparing all of that, about.
    pub(super) fn walk_is_cheaper(&self, width: f32, share: f32) -> bool {
        let kept = width / share;
        let walks = self.segments().count() as f32 * kept * COMPARED * (1.0 + kept / POOL);
        share == 1.0 || walks < self.len as f32 * (ASKING + COMPARING * share)
    }

    /// Roughly which share of the records a filter allows.
    pub(super) fn allowed_share(&self, filter: &Compiled<'_>) -> f32 {
        let (mut asked, mut allowed) = (0usize, 0usize);
        for part in &self.parts {
            let count = (ASKED * part.rows.len()).div_ceil(self.len.max(1)).min(part.rows.len());
            for k in 0..count {
                // Not at even distances: what a filter asks for often comes at such, too.
                let turn = (k as u64).wrapping_mul(GOLDEN);
                let i = ((u128::from(turn) * part.rows.len() as u128) >> 64) as usize;
                if part.is_alive(i) {
                    asked += 1;
                    allowed += usize::from(part.allowed(i, Some(filter)).is_some());
                }
            }
        }
        allowed as f32 / asked.max(1) as f32
    }
}
