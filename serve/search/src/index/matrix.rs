//! Directions in large blocks: contiguous to scan, and never moved when they grow; as numbers and, for a first look, as codes.

use crate::distance::{Quantiser, Table};

/// Numbers in one block (4 MiB).
const BLOCK_NUMBERS: usize = 1 << 20;

/// A table of directions, all of one length.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    dimension: usize,
    rows_per_block: usize,
    rows: usize,
    blocks: Vec<Block>,
}

/// Some rows.
#[derive(Clone, Debug, Default)]
struct Block {
    numbers: Vec<f32>,
    codes: Vec<u8>,
    steps: Vec<f32>,
}

impl Matrix {
    pub(crate) fn new(dimension: usize) -> Self {
        let rows_per_block = (BLOCK_NUMBERS / dimension.max(1)).max(1);
        Self { dimension, rows_per_block, rows: 0, blocks: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: &[f32]) {
        debug_assert_eq!(row.len(), self.dimension);
        if self.rows == self.blocks.len() * self.rows_per_block {
            // The first blocks grow as needed, so that a small collection stays small.
            self.blocks.push(Block::default());
        }
        let block = &mut self.blocks[self.rows / self.rows_per_block];
        block.numbers.extend_from_slice(row);
        block.steps.push(Quantiser::new(self.dimension).append(row, &mut block.codes));
        self.rows += 1;
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        let start = row % self.rows_per_block * self.dimension;
        &self.blocks[row / self.rows_per_block].numbers[start..start + self.dimension]
    }

    /// The rows in large pieces, each with the number of its first.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (usize, Table<'_>)> {
        self.blocks.iter().enumerate().map(|(i, Block { numbers, codes, steps })| {
            (i * self.rows_per_block, Table { numbers, codes, steps })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_like_a_list_of_rows_across_block_borders() {
        let dimension = BLOCK_NUMBERS / 3;
        let row = |x: usize| vec![x as f32; dimension];
        let mut matrix = Matrix::new(dimension);
        (0..10).for_each(|x| matrix.push(&row(x)));
        (0..10).for_each(|x| assert_eq!(matrix.row(x), row(x)));
        let firsts: Vec<usize> = matrix.tables().map(|(first, _)| first).collect();
        assert_eq!(firsts, [0, 3, 6, 9]);
        let scanned: Vec<f32> = matrix.tables().flat_map(|(_, table)| table.numbers.to_vec()).collect();
        assert_eq!(scanned, (0..10).flat_map(row).collect::<Vec<_>>());
    }
}
