//! When to seal, and what with what.
//!
//! Fresh records are sealed once comparing them all takes longer than a walk. Segments not much larger than what is
//! being sealed are merged into it, so that there are few of them, each several times larger than the next; those of
//! which much is gone are made again.

use std::sync::Arc;

use super::{GivenUp, Index, Part, Row, Sealing, Vectors};
use crate::segment::{Segment, Source};

/// Fresh records worth sealing, as a share of those from which a graph is worth having.
const FRESH_SHARE: usize = 20;
/// Fewer than this are never worth a file.
const FRESH_LEAST: usize = 16;
/// A segment is merged when it is at most this many times as large as what is being sealed.
const MERGE_RATIO: usize = 2;
/// A segment is made again when one in this many of its records is gone.
const DEAD_SHARE: usize = 4;

/// Parts to be made one: as they were when this was taken, whatever happens meanwhile.
pub(crate) struct Seal {
    parts: Vec<Part>,
    urgent: bool,
}

impl Seal {
    /// Whether so much is fresh that searches wait for this, rather than this for searches.
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// What is alive, ascending by sequence, and the rows a segment of it will have.
    pub(crate) fn sources(&self) -> (Vec<Source<'_>>, Vec<Row>) {
        let alive = |part: &'_ Part, i: usize| part.is_alive(i);
        let mut places: Vec<(u64, usize, usize)> = Vec::new();
        for (p, part) in self.parts.iter().enumerate() {
            let rows = part.rows.iter().enumerate().filter(|(i, _)| alive(part, *i));
            places.extend(rows.map(|(i, row)| (row.sequence, p, i)));
        }
        places.sort_unstable();
        let source = |&(sequence, p, i): &(u64, usize, usize)| Source {
            sequence,
            direction: self.parts[p].vectors.direction(i),
        };
        let row = |&(_, p, i): &(u64, usize, usize)| self.parts[p].rows[i].clone();
        (places.iter().map(source).collect(), places.iter().map(row).collect())
    }

    /// The files of the segments that are merged.
    pub(crate) fn files(&self) -> Vec<String> {
        self.parts.iter().filter_map(Part::segment).map(|segment| segment.file().to_owned()).collect()
    }
}

impl Index {
    /// Whether there is something to seal and nobody is on it.
    pub(crate) fn wants_seal(&self) -> bool {
        let waiting = self.given_up.as_ref().is_some_and(|given_up| self.len() < given_up.until);
        if self.sealing.is_some() || waiting || self.len() < self.approximate_from {
            return false;
        }
        let fresh: usize =
            self.all_parts().filter(|part| part.segment().is_none()).map(|part| part.rows.len()).sum();
        let enough = fresh >= (self.approximate_from / FRESH_SHARE).max(FRESH_LEAST);
        enough || self.parts.iter().any(is_stale)
    }

    /// Chooses what to seal next; until `finish_seal` or `give_up`, what goes from it is remembered.
    pub(crate) fn begin_seal(&mut self) -> Option<Seal> {
        if !self.wants_seal() {
            return None;
        }
        let urgent = self.fresh() >= self.approximate_from;
        let active = std::mem::replace(&mut self.active, Part::empty(self.dimension));
        if !active.rows.is_empty() {
            self.parts.push(active);
        }
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        // What must be sealed first, then the smaller ones first.
        order.sort_by_key(|&p| (!must(&self.parts[p]), self.parts[p].living()));
        let (mut places, mut living) = (Vec::new(), 0);
        for p in order {
            let part = &self.parts[p];
            if must(part) || part.living() <= MERGE_RATIO * living {
                living += part.living();
                places.push(p);
            }
        }
        let parts = places.iter().map(|&p| self.parts[p].clone()).collect();
        self.sealing = Some(Sealing { places, forgotten: Vec::new() });
        Some(Seal { parts, urgent })
    }

    /// Puts a segment in place of what it was made of; returns that, to be dropped when no lock is held.
    #[must_use]
    pub(crate) fn finish_seal(&mut self, sealed: Option<(Arc<Segment>, Vec<Row>)>) -> Vec<Part> {
        let Some(Sealing { mut places, forgotten }) = self.sealing.take() else { return Vec::new() };
        places.sort_unstable_by(|a, b| b.cmp(a));
        let replaced = places.into_iter().map(|p| self.parts.swap_remove(p)).collect();
        if let Some((segment, rows)) = sealed {
            let mut part = Part::new(Vectors::Segment(segment), rows);
            for sequence in forgotten {
                if let Some(row) = part.find(sequence) {
                    part.forget(row);
                }
            }
            self.parts.push(part);
        }
        self.given_up = None;
        replaced
    }

    /// Searches what could not be sealed exactly, and waits until the collection has grown by half or it is to be tried again.
    pub(crate) fn give_up(&mut self, reason: String) {
        self.sealing = None;
        self.given_up = Some(GivenUp { reason, until: self.len() + self.len() / 2 });
    }

    /// Seals again what could not be sealed.
    pub(crate) fn try_again(&mut self) {
        if let Some(given_up) = &mut self.given_up {
            given_up.until = 0;
        }
    }

    /// Why the last seal failed.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.given_up.as_ref().map(|given_up| given_up.reason.as_str())
    }

    /// The files in use after `finish_seal`, but for the new one's.
    pub(crate) fn files_without(&self, merged: &[String]) -> Vec<String> {
        let files = self.segments().map(|(segment, _)| segment.file().to_owned());
        files.filter(|file| !merged.contains(file)).collect()
    }

    /// The segments, each with how many of its records are gone.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (&Arc<Segment>, usize)> {
        self.parts.iter().filter_map(|part| Some((part.segment()?, part.dead())))
    }

    /// Records that are compared exactly.
    pub(crate) fn fresh(&self) -> usize {
        self.all_parts().filter(|part| part.segment().is_none()).map(Part::living).sum()
    }
}

fn is_stale(part: &Part) -> bool {
    part.segment().is_some() && part.dead() * DEAD_SHARE > part.rows.len()
}

fn must(part: &Part) -> bool {
    part.segment().is_none() || is_stale(part)
}
