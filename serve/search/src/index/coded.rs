//! A scan of a table by its codes, a quarter of the bytes; whoever may belong to the answer is compared in f32.
//!
//! Nothing is missed: a code is off by half a step at most, and so the distance between two rows of codes by no more than
//! that makes of both.

use super::top::Top;
use crate::distance::{CodeQuery, Kernel, Scale, Table, padded};

/// Of fewer numbers than these the codes are not worth a look.
pub(super) const CODED: usize = 64;
/// Rows compared at once.
const ROWS: usize = 512;
/// Rows of which it is asked at once whether any is worth a look.
const GROUP: usize = 16;
/// What rounding may add to a cosine of directions in f32, generously.
const ROUNDING: f32 = 1e-5;

/// Hands every row that may be among the best of `top`, and its dot product, to `offer`.
pub(super) fn scan<'a>(
    kernel: Kernel,
    tables: &[(usize, Table<'_>)],
    direction: &[f32],
    top: &mut Top<'a>,
    mut offer: impl FnMut(usize, f32, &mut Top<'a>),
) {
    let (all, mut dots): (Vec<u32>, _) = ((0..ROWS as u32).collect(), Vec::new());
    let (stride, mut query) = (padded(direction.len()), CodeQuery::default());
    let mut around: &[f32] = &[];
    for &(start, Table { numbers, codes, scales, centre }) in tables {
        // Most tables of a part are around the same.
        if !std::ptr::eq(around, centre) {
            query.set(direction, centre);
            around = centre;
        }
        let farthest = (direction.len() as f32).sqrt() / 2.0;
        let most = |dot: i32, scale: Scale| {
            let apart = (2.0 - 2.0 * query.cosine(dot, scale)).max(0.0).sqrt();
            let least = (apart - farthest * (query.step() + scale[0])).max(0.0);
            1.0 - least * least / 2.0 + ROUNDING
        };
        for (block, scales) in scales.chunks(ROWS).enumerate() {
            let first = block * ROWS;
            let codes = &codes[first * stride..(first + scales.len()) * stride];
            kernel.code_dots(&query, codes, &all[..scales.len()], &mut dots);
            for (group, (dots, scales)) in dots.chunks(GROUP).zip(scales.chunks(GROUP)).enumerate() {
                let pairs = || dots.iter().zip(scales);
                // Without a way out in between, so that they are asked side by side.
                if !pairs().fold(false, |any, (&dot, &scale)| any | top.may_take(most(dot, scale))) {
                    continue;
                }
                for (i, (&dot, &scale)) in pairs().enumerate() {
                    if top.may_take(most(dot, scale)) {
                        let row = first + group * GROUP + i;
                        let direction_of = &numbers[row * direction.len()..][..direction.len()];
                        offer(start + row, kernel.dot(direction, direction_of), top);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::part::{Part, Row};
    use super::*;
    use crate::distance::{Coded, append_codes};

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

    /// Around their mean, in which they may nearly be one: codes have any step then, and a query from elsewhere is far off.
    #[test]
    fn finds_it_around_a_mean_however_close_they_lie() {
        const ROWS_IN_ALL: usize = 700;
        let name = |row: usize| format!("{row:04}");
        let names: Vec<String> = (0..ROWS_IN_ALL).map(name).collect();
        for (dimension, spread) in [(64, 1.0f32), (100, 1e-2), (200, 1e-4), (512, 1e-6), (64, 0.0)] {
            let middle = direction(dimension, 1);
            let near = |seed| {
                let row = direction(dimension, seed);
                let mixed: Vec<f32> = middle.iter().zip(row).map(|(m, x)| m + spread * x).collect();
                let length = mixed.iter().map(|x| x * x).sum::<f32>().sqrt();
                mixed.into_iter().map(|x| x / length).collect::<Vec<_>>()
            };
            let rows: Vec<Vec<f32>> = (0..ROWS_IN_ALL).map(|i| near(i / 2)).collect();
            let mean = |k: usize| rows.iter().map(|row| row[k]).sum::<f32>() / ROWS_IN_ALL as f32;
            let centre: Vec<f32> = (0..dimension).map(mean).collect();
            let (mut codes, numbers) = (Vec::new(), rows.concat());
            let scales: Vec<Scale> = rows.iter().map(|row| append_codes(row, &centre, &mut codes)).collect();
            let table = Table { numbers: &numbers, codes: &codes, scales: &scales, centre: &centre };
            for (kernel, query) in Kernel::available().into_iter().flat_map(|kernel| {
                [near(7), near(9000), middle.clone(), direction(dimension, 77)].map(|query| (kernel, query))
            }) {
                let (mut quick, mut plain) = (Top::new(10, None), Top::new(10, None));
                scan(kernel, &[(0, table)], &query, &mut quick, |i, dot, top| {
                    top.offer(dot, || Some(names[i].as_str()));
                });
                for (row, name) in rows.iter().zip(&names) {
                    plain.offer(kernel.dot(&query, row), || Some(name.as_str()));
                }
                assert_eq!(quick.into_sorted(), plain.into_sorted(), "{dimension} {spread}");
            }
        }
    }

    #[test]
    fn finds_what_comparing_every_number_finds() {
        for (dimension, rows) in [(64, 1300), (65, 700), (200, 513), (512, 2100)] {
            let mut part = Part::empty(dimension);
            for i in 0..rows {
                let row = Row { id: Arc::from(format!("{i}")), sequence: i as u64, tags: Arc::from([]) };
                part.push(row, Coded::new(direction(dimension, i / 2)).row());
            }
            (0..rows).step_by(11).for_each(|row| part.forget(row));
            for kernel in Kernel::available() {
                for (limit, least, seed) in
                    [(1, None, 3), (10, None, 62), (10, Some(0.5), 93), (400, None, 5)]
                {
                    let query = direction(dimension, seed);
                    let (mut quick, mut plain) = (Top::new(limit, least), Top::new(limit, least));
                    scan(kernel, &part.vectors.tables(), &query, &mut quick, |i, dot, top| {
                        top.offer(dot, || part.allowed(i, None).map(|row| &*row.id));
                    });
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
