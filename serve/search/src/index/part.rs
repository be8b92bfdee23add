//! One part of an index: records whose directions lie in memory, or in a segment. Rows are only added or marked gone.

use std::sync::Arc;

use super::matrix::Matrix;
use crate::chunked::Chunked;
use crate::distance::{CodedRow, Table};
use crate::filter::{Compiled, Tags};
use crate::segment::Segment;

/// A record, wherever its direction lies.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: Arc<str>,
    pub(crate) sequence: u64,
    pub(crate) tags: Tags,
}

/// Where the directions of a part's rows lie.
#[derive(Clone)]
pub(crate) enum Vectors {
    Memory(Arc<Matrix>),
    Segment(Arc<Segment>),
}

impl Vectors {
    pub(crate) fn direction(&self, row: usize) -> &[f32] {
        match self {
            Vectors::Memory(matrix) => matrix.row(row).numbers,
            Vectors::Segment(segment) => segment.direction(segment.node_of(row)),
        }
    }

    /// All directions in pieces, each with the number of its first: rows in memory, nodes in a segment.
    pub(crate) fn tables(&self) -> Vec<(usize, Table<'_>)> {
        match self {
            Vectors::Memory(matrix) => matrix.tables().collect(),
            Vectors::Segment(segment) => vec![(0, segment.table())],
        }
    }
}

/// Rows, ascending by sequence, and which of them are gone. A clone costs next to nothing, and is the part as it was.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) vectors: Vectors,
    pub(crate) rows: Chunked<Row>,
    gone: Chunked<u64>,
    dead: usize,
}

impl Part {
    /// Nothing yet, in memory.
    pub(crate) fn empty(dimension: usize) -> Self {
        Self::new(Vectors::Memory(Arc::new(Matrix::new(dimension))), Vec::new())
    }

    /// These rows, all alive.
    pub(crate) fn new(vectors: Vectors, rows: Vec<Row>) -> Self {
        let gone = (0..rows.len().div_ceil(64)).map(|_| 0).collect();
        Self { vectors, rows: rows.into_iter().collect(), gone, dead: 0 }
    }

    /// Adds a row to a part in memory; its sequence is larger than any before.
    pub(crate) fn push(&mut self, row: Row, direction: CodedRow<'_>) {
        if let Vectors::Memory(matrix) = &mut self.vectors {
            Arc::make_mut(matrix).push(direction);
            if self.rows.len().is_multiple_of(64) {
                self.gone.push(0);
            }
            self.rows.push(row);
        }
    }

    /// The row of a sequence, if it is here and alive.
    pub(crate) fn find(&self, sequence: u64) -> Option<usize> {
        let row = self.rows.partition_point(|row| row.sequence < sequence);
        let is_here = row < self.rows.len() && self.rows[row].sequence == sequence;
        (is_here && self.is_alive(row)).then_some(row)
    }

    /// Marks a row gone.
    pub(crate) fn forget(&mut self, row: usize) {
        if self.is_alive(row) {
            *self.gone.at(row / 64) |= 1 << (row % 64);
            self.dead += 1;
        }
    }

    #[inline]
    pub(crate) fn is_alive(&self, row: usize) -> bool {
        self.gone[row / 64] >> (row % 64) & 1 == 0
    }

    /// The row, if it is alive and the filter allows it.
    #[inline]
    pub(crate) fn allowed(&self, row: usize, filter: Option<&Compiled<'_>>) -> Option<&Row> {
        let found = &self.rows[row];
        (self.is_alive(row) && filter.is_none_or(|filter| filter.allows(&found.tags))).then_some(found)
    }

    pub(crate) fn segment(&self) -> Option<&Arc<Segment>> {
        if let Vectors::Segment(segment) = &self.vectors { Some(segment) } else { None }
    }

    pub(crate) fn dead(&self) -> usize {
        self.dead
    }

    pub(crate) fn living(&self) -> usize {
        self.rows.len() - self.dead
    }
}
