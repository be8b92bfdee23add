//! Directions in blocks: contiguous to scan, and never moved when they grow; as numbers and, for a first look, as codes.
//!
//! A clone shares the blocks, and whoever adds to a matrix that is shared copies the last block.

use std::sync::Arc;

use crate::distance::{CodedRow, Scale, Table, padded};

/// Numbers in one block (512 KiB): enough to scan in one go, and quickly copied.
const BLOCK_NUMBERS: usize = 1 << 17;

/// A table of directions, all of one length.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    dimension: usize,
    rows_per_block: usize,
    rows: usize,
    blocks: Vec<Arc<Block>>,
    /// Codes of rows that come one by one are around zero.
    centre: Arc<[f32]>,
}

/// Some rows.
#[derive(Clone, Debug, Default)]
struct Block {
    numbers: Vec<f32>,
    codes: Vec<u8>,
    scales: Vec<Scale>,
}

impl Matrix {
    pub(crate) fn new(dimension: usize) -> Self {
        let rows_per_block = (BLOCK_NUMBERS / dimension.max(1)).max(1);
        Self { dimension, rows_per_block, rows: 0, blocks: Vec::new(), centre: vec![0.0; dimension].into() }
    }

    pub(crate) fn push(&mut self, row: CodedRow<'_>) {
        debug_assert_eq!(row.numbers.len(), self.dimension);
        if self.rows == self.blocks.len() * self.rows_per_block {
            // The first blocks grow as needed, so that a small collection stays small.
            self.blocks.push(Arc::default());
        }
        let block = Arc::make_mut(&mut self.blocks[self.rows / self.rows_per_block]);
        block.numbers.extend_from_slice(row.numbers);
        block.codes.extend_from_slice(row.codes);
        block.scales.push(row.scale);
        self.rows += 1;
    }

    pub(crate) fn row(&self, row: usize) -> CodedRow<'_> {
        let (Block { numbers, codes, scales }, at) =
            (&*self.blocks[row / self.rows_per_block], row % self.rows_per_block);
        let stride = padded(self.dimension);
        CodedRow {
            numbers: &numbers[at * self.dimension..][..self.dimension],
            codes: &codes[at * stride..][..stride],
            scale: scales[at],
        }
    }

    /// The rows in large pieces, each with the number of its first.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (usize, Table<'_>)> {
        self.blocks.iter().enumerate().map(|(i, block)| {
            let Block { numbers, codes, scales } = &**block;
            (i * self.rows_per_block, Table { numbers, codes, scales, centre: &self.centre })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::Coded;

    #[test]
    fn behaves_like_a_list_of_rows_across_block_borders() {
        let dimension = BLOCK_NUMBERS / 3;
        let row = |x: usize| vec![x as f32; dimension];
        let mut matrix = Matrix::new(dimension);
        (0..7).for_each(|x| matrix.push(Coded::new(row(x)).row()));
        let before = matrix.clone();
        (7..10).for_each(|x| matrix.push(Coded::new(row(x)).row()));
        (0..10).for_each(|x| {
            let (stored, coded) = (matrix.row(x), Coded::new(row(x)));
            assert_eq!((stored.numbers, stored.codes), (&*row(x), coded.row().codes));
            assert_eq!(stored.scale, coded.row().scale);
        });
        let firsts: Vec<usize> = matrix.tables().map(|(first, _)| first).collect();
        assert_eq!(firsts, [0, 3, 6, 9]);
        let scanned: Vec<f32> = matrix.tables().flat_map(|(_, table)| table.numbers.to_vec()).collect();
        assert_eq!(scanned, (0..10).flat_map(row).collect::<Vec<_>>());
        assert_eq!(before.tables().map(|(_, table)| table.scales.len()).sum::<usize>(), 7, "a clone grew");
    }
}
