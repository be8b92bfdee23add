//! Many queries with many rows at once: a matrix product, so that what is loaded is used several times.
//!
//! Queries and rows (row-major, `dimension` numbers each) in, `scores[q · rows + r]` out.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::Kernel;

/// One row with all queries while it is still in the nearest cache.
pub(super) fn plain(kernel: Kernel, dimension: usize, queries: &[f32], rows: &[f32], scores: &mut [f32]) {
    let count = rows.len() / dimension.max(1);
    for (r, row) in rows.chunks_exact(dimension.max(1)).enumerate() {
        for (q, query) in queries.chunks_exact(dimension.max(1)).enumerate() {
            scores[q * count + r] = kernel.dot(query, row);
        }
    }
}

/// Queries and rows in one tile: sixteen sums stay in registers, and eight loads feed sixteen products.
#[cfg(target_arch = "x86_64")]
const TILE: usize = 4;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
pub(super) fn avx512(dimension: usize, queries: &[f32], rows: &[f32], scores: &mut [f32]) {
    let count = rows.len() / dimension.max(1);
    for r in (0..count).step_by(TILE) {
        for q in (0..queries.len() / dimension.max(1)).step_by(TILE) {
            tile(dimension, (queries, q), (rows, r), count, scores);
        }
    }
}

/// One tile; at the edges the last query or row stands in for those that are missing, and is not written twice.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn tile(
    dimension: usize,
    (queries, q): (&[f32], usize),
    (rows, r): (&[f32], usize),
    count: usize,
    scores: &mut [f32],
) {
    let last_query = queries.len() / dimension - 1;
    let a: [&[f32]; TILE] = std::array::from_fn(|i| {
        let query = (q + i).min(last_query);
        &queries[query * dimension..(query + 1) * dimension]
    });
    let b: [&[f32]; TILE] = std::array::from_fn(|i| {
        let row = (r + i).min(count - 1);
        &rows[row * dimension..(row + 1) * dimension]
    });
    let mut sums = [[_mm512_setzero_ps(); TILE]; TILE];
    for i in (0..dimension).step_by(16) {
        let mask = u16::MAX >> 16usize.saturating_sub(dimension - i);
        // SAFETY: every slice has `dimension` numbers, and the mask keeps only those that are left from `i` on.
        let load = |from: &[f32]| unsafe { _mm512_maskz_loadu_ps(mask, from.as_ptr().add(i)) };
        let y: [__m512; TILE] = std::array::from_fn(|k| load(b[k]));
        for k in 0..TILE {
            let x = load(a[k]);
            for l in 0..TILE {
                sums[k][l] = _mm512_fmadd_ps(x, y[l], sums[k][l]);
            }
        }
    }
    for (k, sums) in sums.iter().enumerate().take(last_query + 1 - q) {
        for (l, sum) in sums.iter().enumerate().take(count - r) {
            scores[(q + k) * count + r + l] = _mm512_reduce_add_ps(*sum);
        }
    }
}
