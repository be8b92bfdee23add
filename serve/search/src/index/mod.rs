//! Everything a search needs: each record's direction, in memory while it is fresh and in segments once it is sealed.
//!
//! Records come in by id and sequence (a replaced record gets a new sequence, so a sequence names one vector for
//! ever); a [`View`] answers with ids, however long that takes. It is a cache: it never touches the disk and can be made
//! again from the truth.

mod coded;
mod cost;
mod matrix;
mod part;
mod plan;
mod search;
mod top;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use self::part::{Part, Row, Vectors};
pub(crate) use self::plan::Seal;
pub(crate) use self::search::Wanted;
use self::view::View;
use crate::distance::{CodedRow, Kernel};
use crate::filter::{Compiled, Fields, Filter, Leaves, Tags};
use crate::segment::Segment;

/// Rows that may be gone from memory, beyond as many as are alive, before memory is tidied.
const SPARE_DEAD: usize = 1024;

/// The records of one collection.
pub(crate) struct Index {
    kernel: Kernel,
    dimension: usize,
    approximate_from: usize,
    /// Sealed, or being sealed.
    parts: Vec<Part>,
    /// What came last, still written to.
    active: Part,
    by_id: HashMap<Arc<str>, u64>,
    fields: Fields,
    /// While sealing: which parts, by their place, and whose rows have gone meanwhile.
    sealing: Option<Sealing>,
    given_up: Option<GivenUp>,
}

struct Sealing {
    places: Vec<usize>,
    forgotten: Vec<u64>,
}

/// A seal that failed, and how many records to wait for before trying again.
struct GivenUp {
    reason: String,
    until: usize,
}

impl Index {
    pub(crate) fn new(dimension: usize, approximate_from: usize) -> Self {
        Self {
            kernel: Kernel::best(),
            dimension,
            approximate_from: approximate_from.max(1),
            parts: Vec::new(),
            active: Part::empty(dimension),
            by_id: HashMap::new(),
            fields: Fields::default(),
            sealing: None,
            given_up: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Adds a record, or replaces the one with this id; sequences only grow.
    pub(crate) fn upsert(&mut self, id: &str, sequence: u64, direction: CodedRow<'_>, leaves: Leaves) {
        let id = Arc::<str>::from(id);
        let tags = self.fields.tags(leaves);
        if let Some(old) = self.by_id.insert(Arc::clone(&id), sequence) {
            self.forget(old);
        }
        self.active.push(Row { id, sequence, tags }, direction);
    }

    /// Numbers a record's fields for a row of `add_segment`.
    pub(crate) fn tags(&mut self, leaves: Leaves) -> Tags {
        self.fields.tags(leaves)
    }

    /// Prepares a filter to be asked about the records of a view of the same moment.
    pub(crate) fn compile<'a>(&self, filter: &'a Filter) -> Compiled<'a> {
        self.fields.compile(filter)
    }

    /// Takes in a segment and whose its points are; nobody's are gone.
    pub(crate) fn add_segment(&mut self, segment: Arc<Segment>, rows: Vec<Option<Row>>) {
        let nobody = |sequence| Row { id: Arc::from(""), sequence, tags: Arc::from([]) };
        let gone: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].is_none()).collect();
        let rows = rows.into_iter().zip(segment.sequences()).map(|(row, &sequence)| {
            let row = row.unwrap_or_else(|| nobody(sequence));
            if !row.id.is_empty() {
                self.by_id.insert(Arc::clone(&row.id), sequence);
            }
            row
        });
        let rows = rows.collect();
        let mut part = Part::new(Vectors::Segment(segment), rows);
        gone.into_iter().for_each(|row| part.forget(row));
        self.parts.push(part);
    }

    /// Removes a record if it is there.
    pub(crate) fn remove(&mut self, id: &str) {
        if let Some(sequence) = self.by_id.remove(id) {
            self.forget(sequence);
        }
    }

    fn forget(&mut self, sequence: u64) {
        let parts = self.parts.iter_mut().chain([&mut self.active]);
        for part in parts {
            if let Some(row) = part.find(sequence) {
                part.forget(row);
                self.fields.release(&part.rows[row].tags);
                break;
            }
        }
        if let Some(sealing) = &mut self.sealing {
            sealing.forgotten.push(sequence);
        }
        if self.active.dead() > self.active.living() + SPARE_DEAD {
            self.tidy();
        }
    }

    /// Copies what is alive in memory, so that a record replaced a thousand times takes the room of a few.
    fn tidy(&mut self) {
        let mut tidy = Part::empty(self.dimension);
        for (i, row) in self.active.rows.iter().enumerate().filter(|(i, _)| self.active.is_alive(*i)) {
            if let Vectors::Memory(matrix) = &self.active.vectors {
                tidy.push(row.clone(), matrix.row(i));
            }
        }
        self.active = tidy;
    }

    /// At most `most` records at even distances: their ids and directions.
    pub(crate) fn sample(&self, most: usize) -> Vec<(Arc<str>, Vec<f32>)> {
        let step = self.len().div_ceil(most.max(1)).max(1);
        let alive = |part: &'_ Part, i: usize| part.is_alive(i);
        let rows = self
            .all_parts()
            .flat_map(|part| (0..part.rows.len()).filter(move |&i| alive(part, i)).map(move |i| (part, i)));
        let record =
            |(part, i): (&Part, usize)| (Arc::clone(&part.rows[i].id), part.vectors.direction(i).to_vec());
        rows.step_by(step).take(most).map(record).collect()
    }

    fn all_parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().chain([&self.active])
    }
}
