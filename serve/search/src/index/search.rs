//! The two ways to search an index: every row, or a walk through each segment and every row beside.
//!
//! The exact way is the oracle. The approximate way may miss a neighbour but never a result: where a walk cannot fill
//! the answer, or a filter leaves too few to walk among, the exact way is taken.

use super::coded;
use super::top::Top;
use super::{Part, View};
use crate::distance::product;
use crate::filter::{Compiled, Filter};
use crate::index::Vectors;
use crate::segment::Segment;

/// Nodes a walk keeps unless told otherwise.
const WIDTH: usize = 64;
/// Keeping more than one node in this many is slower than comparing all.
const EXACT_SHARE: usize = 8;
/// A walk whose answer ends this near its edge, as a share of the way there from its best few, may have missed better ones:
/// what lies at its edge has nothing to do with the query, and then nothing led to others like it.
const EDGE: f32 = 0.25;
/// Numbers compared at once in a scan: what fits into the nearest caches.
const SCAN_NUMBERS: usize = 1 << 15;
/// Rows compared at once with many queries, which are then laid out anew.
const PRODUCT_ROWS: usize = 256;

/// What to look for, checked and of length one.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) direction: Vec<f32>,
    pub(crate) limit: usize,
    pub(crate) min_score: Option<f32>,
    pub(crate) exact: bool,
    pub(crate) ef: Option<usize>,
    pub(crate) filter: Option<&'a Filter>,
}

/// How a walk ended.
enum End {
    /// With what was looked for.
    Full,
    /// With too few, or with some of which a wider walk may know better.
    Short,
    /// With what lies at its edge, where there may be any number of others.
    Edge,
}

impl View {
    /// The records nearest to a direction: score and id, best first.
    pub(crate) fn nearest(&self, wanted: &Wanted<'_>, filter: Option<&Compiled<'_>>) -> Vec<(f32, &str)> {
        let mut top = Top::new(wanted.limit, wanted.min_score);
        let share = filter.map_or(1.0, |filter| self.allowed_share(filter));
        let width = wanted.ef.unwrap_or(WIDTH).max(wanted.limit + wanted.limit / 2);
        let walking = !wanted.exact && !self.is_small(self.len) && self.walk_is_cheaper(width as f32, share);
        // Who names a width wants a walk, and codes say nothing about a filter.
        let may_scan = wanted.ef.is_none() && filter.is_none();
        let parts = self.parts.iter().map(|part| {
            let sooner = |segment: &Segment| may_scan && self.scan_is_cheaper(segment, width);
            (part, part.segment().filter(|segment| walking && !sooner(segment)))
        });
        let (walked, scanned): (Vec<_>, Vec<_>) = parts.partition(|(_, segment)| segment.is_some());
        // After a walk, codes tell nearly all rows apart from the answer's worst. But a walk that a filter leads far stops
        // the sooner, the better the worst is.
        let parts = if filter.is_some() { [scanned, walked] } else { [walked, scanned] };
        for (part, segment) in parts.into_iter().flatten() {
            match segment {
                Some(segment) => {
                    let width = (width as f32 / share) as usize;
                    self.walk(part, segment, wanted, filter, width, &mut top);
                }
                None => self.scan(part, wanted, filter, &mut top),
            }
        }
        top.into_sorted()
    }

    /// Several searches at once, each with its filter; those that compare every record share the reading of them.
    pub(crate) fn nearest_many<'a>(
        &'a self,
        many: &[Wanted<'_>],
        filters: &[Option<Compiled<'_>>],
    ) -> Vec<Vec<(f32, &'a str)>> {
        let all = |wanted: &Wanted<'_>| {
            let none = self.segments().next().is_none();
            wanted.filter.is_none() && (wanted.exact || none || self.is_small(self.len))
        };
        if many.len() < 2 || !many.iter().all(all) {
            let each = many.iter().zip(filters);
            return each.map(|(wanted, filter)| self.nearest(wanted, filter.as_ref())).collect();
        }
        let mut tops: Vec<Top<'_>> = many.iter().map(|w| Top::new(w.limit, w.min_score)).collect();
        let queries: Vec<f32> = many.iter().flat_map(|wanted| wanted.direction.iter().copied()).collect();
        let mut scores = Vec::new();
        for part in &self.parts {
            self.each_block(part, PRODUCT_ROWS, |first, block| {
                product(self.dimension, &queries, block, &mut scores);
                for (top, scores) in tops.iter_mut().zip(scores.chunks_exact(block.len() / self.dimension)) {
                    offer_block(part, first, scores, top);
                }
            });
        }
        tops.into_iter().map(Top::into_sorted).collect()
    }

    /// Compares every row of a part; unless told to be exact, by their codes first.
    fn scan<'a>(
        &'a self,
        part: &'a Part,
        wanted: &Wanted<'_>,
        filter: Option<&Compiled<'_>>,
        top: &mut Top<'a>,
    ) {
        if filter.is_some() {
            for i in 0..part.rows.len() {
                if let Some(row) = part.allowed(i, filter) {
                    let dot = self.kernel.dot(&wanted.direction, part.vectors.direction(i));
                    top.offer(dot, || Some(&row.id));
                }
            }
        } else if !wanted.exact && self.dimension >= coded::CODED {
            let tables = part.vectors.tables();
            coded::scan(self.kernel, &tables, &wanted.direction, top, |i, score, top| {
                offer(part, i, score, top);
            });
        } else {
            let (rows, mut dots) = ((SCAN_NUMBERS / self.dimension).max(1), Vec::new());
            self.each_block(part, rows, |first, block| {
                self.kernel.dots(&wanted.direction, block, &mut dots);
                offer_block(part, first, &dots, top);
            });
        }
    }

    /// A part's directions in blocks of so many rows: the first one's place, and the numbers.
    fn each_block(&self, part: &Part, rows: usize, mut visit: impl FnMut(usize, &[f32])) {
        for (first, table) in part.vectors.tables() {
            for (i, chunk) in table.numbers.chunks(rows * self.dimension).enumerate() {
                visit(first + i * rows, chunk);
            }
        }
    }

    /// Walks through a segment, wider and wider until the answer is full, and compares all of it if that does not help.
    fn walk<'a>(
        &'a self,
        part: &'a Part,
        segment: &Segment,
        wanted: &Wanted<'_>,
        filter: Option<&Compiled<'_>>,
        width: usize,
        top: &mut Top<'a>,
    ) {
        let nodes = segment.description().nodes;
        // Those that are gone take places in the pool, too.
        let mut width = width * part.rows.len() / part.living().max(1);
        while width * EXACT_SHARE <= nodes {
            let mut found = top.beside();
            match self.walk_once(part, segment, wanted, filter, width, &mut found) {
                End::Full => return top.absorb(found),
                End::Short => width *= 4,
                End::Edge => break,
            }
        }
        self.scan(part, wanted, filter, top);
    }

    /// Walks through a segment once.
    fn walk_once<'a>(
        &'a self,
        part: &'a Part,
        segment: &Segment,
        wanted: &Wanted<'_>,
        filter: Option<&Compiled<'_>>,
        width: usize,
        found: &mut Top<'a>,
    ) -> End {
        let (mut enough, mut allowed, mut visited, mut near) = (false, 0, 0, 1.0);
        let walked = segment.walk(&wanted.direction, width, |score, error, node| {
            if score + error < found.least() {
                enough = true;
                return false;
            }
            visited += 1;
            if visited <= wanted.limit {
                near = score;
            }
            let mut dot = None;
            for point in segment.points_at(node) {
                if let Some(row) = part.allowed(point as usize, filter) {
                    allowed += 1;
                    let dot = *dot
                        .get_or_insert_with(|| self.kernel.dot(&wanted.direction, segment.direction(node)));
                    found.offer(dot, || Some(&row.id));
                }
            }
            true
        });
        let at_edge = found.least() - walked.edge < EDGE * (near - walked.edge);
        // Until something was too far away to matter, what lies behind may only seem to be; who names a width has
        // chosen what to miss.
        match wanted.ef {
            None if enough && filter.is_some() && at_edge => End::Edge,
            Some(_) if allowed >= wanted.limit => End::Full,
            _ if enough || walked.nodes >= segment.description().nodes => End::Full,
            _ => End::Short,
        }
    }
}

/// Offers the scores of a part's directions from the `first` on.
fn offer_block<'a>(part: &'a Part, first: usize, scores: &[f32], top: &mut Top<'a>) {
    for (i, &score) in scores.iter().enumerate() {
        if top.may_take(score) {
            offer(part, first + i, score, top);
        }
    }
}

/// Offers the score of one of a part's directions; in a segment, for every point at that node.
fn offer<'a>(part: &'a Part, place: usize, score: f32, top: &mut Top<'a>) {
    match &part.vectors {
        Vectors::Memory(_) => top.offer(score, || part.allowed(place, None).map(|row| &*row.id)),
        Vectors::Segment(segment) => {
            for point in segment.points_at(place as u32) {
                top.offer(score, || part.allowed(point as usize, None).map(|row| &*row.id));
            }
        }
    }
}
