//! A scan of fresh records by their codes, a quarter of the bytes; whoever may belong to the answer is compared in f32.
//!
//! Nothing is missed: a dot product of codes is off by no more than the codes of both sides are, and that is known.

use super::matrix::{Block, Matrix, distance};
use super::part::Part;
use super::top::Top;
use crate::distance::{CodeQuery, Kernel, padded};

/// Of fewer numbers than these the codes are not worth a look.
pub(super) const CODED: usize = 64;
/// Rows compared at once.
const ROWS: usize = 512;
/// What rounding may add to a dot product of directions in f32, generously.
const ROUNDING: f32 = 1e-5;

/// Offers every row of a part in memory that may be among the best.
pub(super) fn scan<'a>(
    kernel: Kernel,
    part: &'a Part,
    matrix: &Matrix,
    direction: &[f32],
    top: &mut Top<'a>,
) {
    let mut query = CodeQuery::default();
    query.set(direction);
    let own_error = distance(direction, query.numbers());
    let (all, mut dots): (Vec<u32>, _) = ((0..ROWS as u32).collect(), Vec::new());
    let stride = padded(direction.len());
    for (first, block) in matrix.blocks() {
        let Block { numbers, codes, steps, errors } = block;
        for start in (0..steps.len()).step_by(ROWS) {
            let end = (start + ROWS).min(steps.len());
            kernel.code_dots(&query, &codes[start * stride..end * stride], &all[..end - start], &mut dots);
            for (i, &dot) in (start..end).zip(&dots) {
                // Of q·x and q'·x': (q − q')·x + q'·(x − x'), where x has length one and q' at most one and its error.
                let off = own_error + (1.0 + own_error) * errors[i] + ROUNDING;
                if top.may_take(dot as f32 * steps[i] * query.step() + off) {
                    let row = &numbers[i * direction.len()..][..direction.len()];
                    top.offer(kernel.dot(direction, row), || {
                        part.allowed(first + i, None).map(|row| &*row.id)
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::part::{Row, Vectors};
    use super::*;

    /// Directions that crowd together, some with a number far larger than the rest.
    fn direction(dimension: usize, seed: usize) -> Vec<f32> {
        let number = |i: usize| {
            let mixed = (i * 7919 + seed * 104_729 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            let spike = if i == seed % dimension { (seed % 5) as f32 } else { 0.0 };
            mixed as f32 / (1 << 24) as f32 + spike
        };
        let numbers: Vec<f32> = (0..dimension).map(number).collect();
        let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
        numbers.into_iter().map(|x| x / length).collect()
    }

    #[test]
    fn finds_what_comparing_every_number_finds() {
        for (dimension, rows) in [(64, 1300), (65, 700), (200, 513), (512, 2100)] {
            let mut part = Part::empty(dimension);
            for i in 0..rows {
                let row = Row { id: Arc::from(format!("{i}")), sequence: i as u64, tags: Arc::from([]) };
                part.push(row, &direction(dimension, i / 2));
            }
            (0..rows).step_by(11).for_each(|row| part.forget(row));
            let Vectors::Memory(matrix) = &part.vectors else { unreachable!("it was made in memory") };
            for kernel in Kernel::available() {
                for (limit, least, seed) in
                    [(1, None, 3), (10, None, 62), (10, Some(0.5), 93), (400, None, 5)]
                {
                    let query = direction(dimension, seed);
                    let (mut quick, mut plain) = (Top::new(limit, least), Top::new(limit, least));
                    scan(kernel, &part, matrix, &query, &mut quick);
                    for i in 0..rows {
                        let dot = kernel.dot(&query, part.vectors.direction(i));
                        plain.offer(dot, || part.allowed(i, None).map(|row| &*row.id));
                    }
                    assert_eq!(
                        quick.into_sorted(),
                        plain.into_sorted(),
                        "{dimension} {limit} {least:?} {seed}"
                    );
                }
            }
        }
    }
}
