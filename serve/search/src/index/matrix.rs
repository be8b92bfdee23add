//! Rows of numbers in large blocks: contiguous to scan, and never moved when they grow.

/// Numbers in one block (4 MiB).
const BLOCK_NUMBERS: usize = 1 << 20;

/// A table of `f32` rows, all of one length.
#[derive(Debug)]
pub(crate) struct Matrix {
    dimension: usize,
    rows_per_block: usize,
    rows: usize,
    blocks: Vec<Vec<f32>>,
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
            self.blocks.push(Vec::new());
        }
        self.blocks[self.rows / self.rows_per_block].extend_from_slice(row);
        self.rows += 1;
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        let start = row % self.rows_per_block * self.dimension;
        &self.blocks[row / self.rows_per_block][start..start + self.dimension]
    }

    pub(crate) fn set(&mut self, row: usize, numbers: &[f32]) {
        let start = row % self.rows_per_block * self.dimension;
        self.blocks[row / self.rows_per_block][start..start + self.dimension].copy_from_slice(numbers);
    }

    /// Removes a row by moving the last one into its place.
    pub(crate) fn swap_remove(&mut self, row: usize) {
        let last = self.rows - 1;
        if row != last {
            let moved = self.row(last).to_vec();
            self.set(row, &moved);
        }
        self.rows = last;
        let block = last / self.rows_per_block;
        self.blocks[block].truncate(last % self.rows_per_block * self.dimension);
        if self.blocks[block].is_empty() {
            self.blocks.pop();
        }
    }

    /// Each block's first row and its numbers.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.blocks.iter().enumerate().map(|(i, block)| (i * self.rows_per_block, block.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_like_a_list_of_rows_across_block_borders() {
        let dimension = BLOCK_NUMBERS / 3;
        let row = |x: usize| vec![x as f32; dimension];
        let (mut matrix, mut twin) = (Matrix::new(dimension), Vec::new());
        for x in 0..10 {
            matrix.push(&row(x));
            twin.push(x);
        }
        matrix.set(4, &row(44));
        twin[4] = 44;
        for remove in [9, 0, 3, 5, 5, 0, 2] {
            matrix.swap_remove(remove);
            twin.swap_remove(remove);
            assert_eq!(matrix.rows, twin.len());
            for (i, &x) in twin.iter().enumerate() {
                assert_eq!(matrix.row(i), row(x));
            }
            let scanned: Vec<f32> = matrix.blocks().flat_map(|(_, block)| block.iter().copied()).collect();
            assert_eq!(scanned, twin.iter().flat_map(|&x| row(x)).collect::<Vec<_>>());
        }
    }
}
