//! Mean and covariance of the features that are fitted on: measured once, used for every penalty.

use ndarray::Array2;
use rayon::prelude::*;

use super::products::{ROWS, add_gradient, padded, widen};
use super::tridiagonal::Tridiagonal;
use crate::Features;

/// Rows widened and multiplied at a time: the block stays in the cache between its two products.
pub(super) const BLOCK: usize = 64;
/// Independent sums, so that the result does not depend on the number of threads.
pub(super) const STRIPS: usize = 16;
/// Rows that are enough for the covariance to precondition with: many times the features, and not fewer than these.
const COVARIANCE_ROWS_MIN: usize = 16_384;
/// Floats in all partial covariances together, about: 512 MiB.
const COVARIANCE_FLOATS: usize = 64 << 20;
/// Covariance columns summed at a time.
const COLUMNS: usize = 64;

/// Mean, spread and covariance of training features.
#[derive(Debug)]
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    pub(crate) variances: Vec<f64>,
    pub(crate) covariance: Tridiagonal,
}

impl Moments {
    /// The mean of all rows and the covariance of as many, evenly spread, as a preconditioner deserves.
    pub(crate) fn of(features: &Features) -> Self {
        let mean = features.mean();
        let wanted = COVARIANCE_ROWS_MIN.max(8 * features.embedding_len);
        let rows: Vec<usize> = (0..features.len()).step_by(features.len().div_ceil(wanted).max(1)).collect();
        let covariance = covariance(features, &mean, &rows);
        let variances = covariance.diag().to_vec();
        Self { mean, variances, covariance: Tridiagonal::of(covariance) }
    }

    /// The features' variance on average; 1 where nothing varies.
    pub(crate) fn mean_variance(&self) -> f64 {
        let mean = self.variances.iter().sum::<f64>() / float(self.variances.len().max(1));
        if mean > 0.0 { mean } else { 1.0 }
    }
}

fn covariance(features: &Features, mean: &[f64], rows: &[usize]) -> Array2<f64> {
    let len = features.embedding_len;
    let width = padded(len);
    let strips = (COVARIANCE_FLOATS / (width * width).max(1)).clamp(2, STRIPS);
    let strip = |rows: &[usize]| {
        let mut sum = vec![0.0; width * width];
        let mut wide = vec![0.0; BLOCK * width];
        for block in rows.chunks(BLOCK) {
            wide.fill(0.0);
            for (to, &row) in wide.chunks_exact_mut(width).zip(block) {
                widen(features.row(row), mean, to);
            }
            let wide = &wide[..block.len().next_multiple_of(ROWS) * width];
            add_corner(wide, width, &mut sum);
        }
        sum
    };
    let sums: Vec<Vec<f64>> = rows.par_chunks(rows.len().div_ceil(strips).max(1)).map(strip).collect();
    let scale = 1.0 / float(rows.len().max(1));
    Array2::from_shape_fn((len, len), |(i, j)| {
        // Only what lies on or below the diagonal has been summed.
        let at = i.max(j) * width + i.min(j);
        sums.iter().map(|sum| sum[at]).sum::<f64>() * scale
    })
}

/// `sum` += blockᵀ × block, where it lies on or below the diagonal.
pub(super) fn add_corner(block: &[f64], width: usize, sum: &mut [f64]) {
    let mut left = vec![0.0; block.len() / width * COLUMNS];
    for first in (0..width).step_by(COLUMNS) {
        let end = (first + COLUMNS).min(width);
        for (to, row) in left.chunks_exact_mut(COLUMNS).zip(block.chunks_exact(width)) {
            to[..end - first].copy_from_slice(&row[first..end]);
        }
        add_gradient(&left, COLUMNS, block, width, end, &mut sum[first * width..end * width]);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;

    #[test]
    fn the_covariance_is_that_of_loops() {
        let (rows, len) = (150, 67);
        let at = |row: usize, j: usize| ((row * 31 + j * j * 17 + row * j) % 101) as f32 / 50.0 + 3.0;
        let features = Features {
            embedding_len: len,
            embeddings: (0..rows * len).map(|place| at(place / len, place % len)).collect(),
            labels: Labels::Classes(vec![0; rows]),
        };
        let mean = features.mean();
        let found = covariance(&features, &mean, &(0..rows).collect::<Vec<_>>());
        for ((i, j), found) in found.indexed_iter() {
            let off = |row: usize, j: usize| f64::from(at(row, j)) - mean[j];
            let expected = (0..rows).map(|row| off(row, i) * off(row, j)).sum::<f64>() / rows as f64;
            assert!((found - expected).abs() < 1e-10, "{i} {j}: {found} {expected}");
        }
    }
}
