//! Many vectors as points of a plane: the two directions along which they differ most (principal components).
//!
//! Rows go in, coordinates come out. Knows no records and no HTTP.

use super::components::{centre, components, dot};

/// Passes over the rows after which two directions are good enough to look at, however close to each other they are.
const PASSES_MAX: usize = 150;

/// Points of a plane, one a row, and the share of all variance along each of the two directions.
#[derive(Debug, PartialEq)]
pub(crate) struct Plane {
    pub(crate) x: Vec<f32>,
    pub(crate) y: Vec<f32>,
    /// From 0 to 1; the first is not the smaller one.
    pub(crate) explained: [f64; 2],
}

/// Projects rows (N × `dimension`, row-major) on their first two principal components; centres them in place.
///
/// The signs are such that the largest number of each direction is positive: the same rows give the same picture.
pub(crate) fn project(rows: &mut [f32], dimension: usize) -> Plane {
    let count = rows.len() / dimension;
    centre(rows, dimension);
    let total: f64 = rows.iter().map(|&number| f64::from(number).powi(2)).sum();
    let directions = components(rows, dimension, 2, PASSES_MAX);
    let along = |direction: &Vec<f32>| -> Vec<f32> {
        rows.chunks_exact(dimension).map(|row| dot(row, direction)).collect()
    };
    let (x, y) = (along(&directions[0]), along(&directions[1]));
    let share = |points: &[f32]| {
        let found: f64 = points.iter().map(|&number| f64::from(number).powi(2)).sum();
        if total > 0.0 { found / total } else { 0.0 }
    };
    debug_assert_eq!((x.len(), y.len()), (count, count));
    Plane { explained: [share(&x), share(&y)], x, y }
}

#[cfg(test)]
mod tests {
    use super::super::components::{normalise, start};
    use super::*;

    const DIMENSION: usize = 11;

    /// Rows that differ by 3, 2, 1, 0.5, … along the axes, turned so that no axis stays one.
    fn rows(count: usize) -> Vec<f32> {
        let noise = start(count * DIMENSION, 5);
        let turn = turned();
        let row = |noise: &[f32]| -> Vec<f32> {
            let spread = [3.0, 2.0, 1.0, 0.5, 0.25, 0.2, 0.1, 0.1, 0.05, 0.01, 0.01];
            let flat: Vec<f32> =
                noise.iter().zip(spread).map(|(noise, spread)| noise * spread + 4.0).collect();
            turn.iter().map(|axis| dot(axis, &flat)).collect()
        };
        noise.chunks_exact(DIMENSION).flat_map(row).collect()
    }

    /// A reflection: orthogonal, and dense.
    fn turned() -> Vec<Vec<f32>> {
        let mut mirror: Vec<f64> = (0..DIMENSION).map(|i| (i as f64 * 1.7).sin() + 0.3).collect();
        normalise(&mut mirror);
        let row = |i: usize| -> Vec<f32> {
            let entry = |j: usize| f64::from(u8::from(i == j)) - 2.0 * mirror[i] * mirror[j];
            (0..DIMENSION).map(|j| entry(j) as f32).collect()
        };
        (0..DIMENSION).map(row).collect()
    }

    /// The slow twin: the whole covariance in f64, and Jacobi's rotations until it is diagonal. Eigenvalues, largest first.
    fn eigenvalues(rows: &[f32]) -> Vec<f64> {
        let mut centred = rows.to_vec();
        centre(&mut centred, DIMENSION);
        let mut c = vec![vec![0.0_f64; DIMENSION]; DIMENSION];
        for row in centred.chunks_exact(DIMENSION) {
            for (i, j) in (0..DIMENSION).flat_map(|i| (0..DIMENSION).map(move |j| (i, j))) {
                c[i][j] += f64::from(row[i]) * f64::from(row[j]);
            }
        }
        for (p, q) in
            (0..60).flat_map(|_| (0..DIMENSION).flat_map(|p| (p + 1..DIMENSION).map(move |q| (p, q))))
        {
            let angle = 0.5 * (2.0 * c[p][q]).atan2(c[q][q] - c[p][p]);
            let (sin, cos) = angle.sin_cos();
            for row in &mut c {
                (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
            }
            let (above, below) = c.split_at_mut(q);
            for (a, b) in above[p].iter_mut().zip(&mut below[0]) {
                (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
            }
        }
        let mut values: Vec<f64> = (0..DIMENSION).map(|i| c[i][i]).collect();
        values.sort_by(|a, b| b.total_cmp(a));
        values
    }

    #[test]
    fn it_finds_what_the_whole_covariance_tells() {
        let rows = rows(1000);
        let values = eigenvalues(&rows);
        let total: f64 = values.iter().sum();
        let plane = project(&mut rows.clone(), DIMENSION);
        for (found, expected) in plane.explained.iter().zip(&values) {
            assert!((found - expected / total).abs() < 1e-5, "{found} is not {}", expected / total);
        }
        let across: f64 = plane.x.iter().zip(&plane.y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
        assert!(across.abs() / values[0] < 1e-4, "the two are not orthogonal: {across}");
        assert_eq!(plane, project(&mut rows.clone(), DIMENSION));
    }

    #[test]
    fn too_few_or_equal_rows_have_a_place_too() {
        let same = project(&mut [1.0, 2.0, 1.0, 2.0], 2);
        assert_eq!(same, Plane { x: vec![0.0; 2], y: vec![0.0; 2], explained: [0.0; 2] });
        assert_eq!(project(&mut [3.0], 1).x, [0.0]);
        assert!(project(&mut [], 4).x.is_empty());
        let line = project(&mut [0.0, 0.0, 3.0, 4.0], 2);
        assert!((line.x[1] - 2.5).abs() < 1e-6 && line.y[1].abs() < 1e-6, "{line:?}");
    }
}
