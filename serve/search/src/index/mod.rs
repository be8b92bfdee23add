//! Everything a search needs, in memory: each record's direction, and who is covered by the graph.
//!
//! Records come in by id and sequence (a replaced record gets a new sequence, so a sequence names one vector for
//! ever); neighbours go out by id. It is a cache: it never touches the disk and is rebuilt from the truth.

mod dot;
mod matrix;
mod search;
mod top;

use std::collections::HashMap;
use std::sync::Arc;

pub use self::dot::Kernel;
use self::matrix::Matrix;
use crate::graph::Graph;

/// A graph is rebuilt once it misses one record in this many of those it holds.
const STALE_SHARE: usize = 5;

/// The records of one collection, by row.
pub(crate) struct Index {
    kernel: Kernel,
    approximate_from: usize,
    matrix: Matrix,
    rows: Vec<Row>,
    by_id: HashMap<Arc<str>, u32>,
    by_sequence: HashMap<u64, u32>,
    last_sequence: u64,
    covered: Option<Covered>,
    given_up: Option<GivenUp>,
}

struct Row {
    id: Arc<str>,
    sequence: u64,
}

/// What a graph covers, and what it does not.
struct Covered {
    graph: Arc<Graph>,
    /// Sequences that came after the graph; some may be gone again.
    fresh: Vec<u64>,
    /// Points of the graph whose record has been replaced or deleted.
    dead: usize,
}

/// A graph that turned out useless, and how many records to wait for before trying again.
struct GivenUp {
    reason: String,
    until: usize,
}

/// How well the graph covers the records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) graph: Option<Arc<Graph>>,
    pub(crate) fresh: usize,
    pub(crate) dead: usize,
    pub(crate) problem: Option<String>,
}

impl Index {
    pub(crate) fn new(dimension: usize, approximate_from: usize) -> Self {
        Self {
            kernel: Kernel::best(),
            approximate_from: approximate_from.max(1),
            matrix: Matrix::new(dimension),
            rows: Vec::new(),
            by_id: HashMap::new(),
            by_sequence: HashMap::new(),
            last_sequence: 0,
            covered: None,
            given_up: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a record, or gives the one with this id a new direction.
    pub(crate) fn upsert(&mut self, id: &str, sequence: u64, direction: &[f32]) {
        self.last_sequence = self.last_sequence.max(sequence);
        if let Some(&row) = self.by_id.get(id) {
            let old = std::mem::replace(&mut self.rows[row as usize].sequence, sequence);
            self.forget(old);
            self.by_sequence.insert(sequence, row);
            self.matrix.set(row as usize, direction);
        } else {
            let (id, row) = (Arc::<str>::from(id), self.rows.len() as u32);
            self.by_id.insert(Arc::clone(&id), row);
            self.by_sequence.insert(sequence, row);
            self.rows.push(Row { id, sequence });
            self.matrix.push(direction);
        }
        if let Some(covered) = &mut self.covered {
            covered.fresh.push(sequence);
        }
    }

    /// Removes a record if it is there; the last row takes its place.
    pub(crate) fn remove(&mut self, id: &str) {
        let Some(row) = self.by_id.remove(id) else { return };
        let removed = self.rows.swap_remove(row as usize);
        self.matrix.swap_remove(row as usize);
        if let Some(moved) = self.rows.get(row as usize) {
            self.by_id.insert(Arc::clone(&moved.id), row);
            self.by_sequence.insert(moved.sequence, row);
        }
        self.forget(removed.sequence);
        if self.rows.len() < self.approximate_from / 2 {
            self.covered = None;
        }
    }

    fn forget(&mut self, sequence: u64) {
        self.by_sequence.remove(&sequence);
        if let Some(covered) = &mut self.covered
            && sequence <= covered.graph.through()
        {
            covered.dead += 1;
        }
    }

    /// Whether a graph would help and there is none, or too much has changed since it was built.
    pub(crate) fn needs_graph(&self) -> bool {
        let enough = self.len() >= self.approximate_from;
        enough
            && match (&self.covered, &self.given_up) {
                (Some(c), _) => (c.fresh.len() + c.dead) * STALE_SHARE > c.graph.points(),
                (None, Some(given_up)) => self.len() >= given_up.until,
                (None, None) => true,
            }
    }

    /// The sequences of all records, and the last one ever seen: what a new graph is to cover.
    pub(crate) fn sequences(&self) -> (Vec<u64>, u64) {
        (self.rows.iter().map(|row| row.sequence).collect(), self.last_sequence)
    }

    /// The direction a sequence stands for, unless its record has changed since.
    pub(crate) fn direction(&self, sequence: u64) -> Option<&[f32]> {
        self.by_sequence.get(&sequence).map(|&row| self.matrix.row(row as usize))
    }

    /// Searches with `graph` from now on, and exactly among what came after it; returns the graph it replaces.
    ///
    /// Dropping a large graph takes long, so the old one is best dropped when no lock is held.
    #[must_use]
    pub(crate) fn adopt(&mut self, graph: Arc<Graph>) -> Option<Arc<Graph>> {
        let sequences = self.rows.iter().map(|row| row.sequence);
        let fresh: Vec<u64> = sequences.filter(|&s| s > graph.through()).collect();
        let dead = graph.points() - (self.len() - fresh.len());
        self.given_up = None;
        let old = self.covered.replace(Covered { graph, fresh, dead });
        old.map(|covered| covered.graph)
    }

    /// Stays exact until the collection has grown by half.
    pub(crate) fn give_up(&mut self, reason: String) {
        let until = self.len() + self.len() / 2;
        self.given_up = Some(GivenUp { reason, until });
        self.covered = None;
    }

    pub(crate) fn coverage(&self) -> Coverage {
        let problem = self.given_up.as_ref().map(|given_up| given_up.reason.clone());
        match &self.covered {
            Some(c) => {
                Coverage { graph: Some(Arc::clone(&c.graph)), fresh: c.fresh.len(), dead: c.dead, problem }
            }
            None => Coverage { problem, ..Coverage::default() },
        }
    }
}
