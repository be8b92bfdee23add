//! Many vectors as points of a plane: the two directions along which they differ most (principal components).
//!
//! Rows go in, coordinates come out. The directions are found by orthogonal iteration over the rows themselves, so that
//! no matrix of dimension × dimension is made, however long the vectors are. Knows no records and no HTTP.

/// Passes over the rows after which the directions are good enough to look at, however close to each other they are.
const PASSES_MAX: usize = 150;
/// One minus the cosine between a direction and itself a pass ago, below which it stands still.
const STILL: f64 = 1e-10;
/// Rows summed in f32 before their sum is added in f64.
const BLOCK: usize = 256;

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
    let [first, second] = directions(rows, dimension);
    let along = |direction: &[f32]| -> Vec<f32> {
        rows.chunks_exact(dimension).map(|row| dot(row, direction)).collect()
    };
    let (x, y) = (along(&first), along(&second));
    let share = |points: &[f32]| {
        let found: f64 = points.iter().map(|&number| f64::from(number).powi(2)).sum();
        if total > 0.0 { found / total } else { 0.0 }
    };
    debug_assert_eq!((x.len(), y.len()), (count, count));
    Plane { explained: [share(&x), share(&y)], x, y }
}

fn centre(rows: &mut [f32], dimension: usize) {
    let mut mean = vec![0.0_f64; dimension];
    for row in rows.chunks_exact(dimension) {
        mean.iter_mut().zip(row).for_each(|(sum, &number)| *sum += f64::from(number));
    }
    let count = (rows.len() / dimension).max(1) as f64;
    for row in rows.chunks_exact_mut(dimension) {
        row.iter_mut().zip(&mean).for_each(|(number, sum)| *number -= (sum / count) as f32);
    }
}

/// Two orthogonal directions of length 1; zeros where the rows do not differ.
fn directions(rows: &[f32], dimension: usize) -> [Vec<f32>; 2] {
    let mut now = [start(dimension, 1), start(dimension, 2)];
    for _ in 0..PASSES_MAX {
        let mut next = multiply(rows, dimension, &now);
        let [first, second] = &mut next;
        normalise(first);
        let shadow: f64 = first.iter().zip(second.iter()).map(|(a, b)| a * b).sum();
        second.iter_mut().zip(first.iter()).for_each(|(b, a)| *b -= shadow * a);
        normalise(second);
        let moved = |now: &[f32], next: &[f64]| {
            // Where nothing is left to point along, nothing moves.
            let is_nothing = next.iter().all(|&number| number == 0.0);
            if is_nothing {
                0.0
            } else {
                1.0 - now.iter().zip(next).map(|(&a, b)| f64::from(a) * b).sum::<f64>().abs()
            }
        };
        let still = now.iter().zip(&next).all(|(now, next)| moved(now, next) < STILL);
        now = next.map(|direction| direction.into_iter().map(|number| number as f32).collect());
        if still {
            break;
        }
    }
    now.map(signed)
}

/// Numbers that lie along no direction in particular, always the same ones.
fn start(dimension: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    (0..dimension).map(|_| next()).collect()
}

/// Rows' covariance, times N, times two directions.
fn multiply(rows: &[f32], dimension: usize, directions: &[Vec<f32>; 2]) -> [Vec<f64>; 2] {
    let mut sums = [vec![0.0_f64; dimension], vec![0.0_f64; dimension]];
    for block in rows.chunks(BLOCK * dimension) {
        for (sum, direction) in sums.iter_mut().zip(directions) {
            let mut part = vec![0.0_f32; dimension];
            for row in block.chunks_exact(dimension) {
                let weight = dot(row, direction);
                part.iter_mut().zip(row).for_each(|(sum, number)| *sum += weight * number);
            }
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(part));
        }
    }
    sums
}

/// In eight lanes, which the compiler can keep in one register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (whole, rest) = (a.chunks_exact(8), a.chunks_exact(8).remainder());
    let mut lanes = [0.0_f32; 8];
    for (a, b) in whole.zip(b.chunks_exact(8)) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += a * b);
    }
    let last = &b[b.len() - rest.len()..];
    lanes.iter().sum::<f32>() + rest.iter().zip(last).map(|(a, b)| a * b).sum::<f32>()
}

fn normalise(direction: &mut [f64]) {
    let length = direction.iter().map(|number| number * number).sum::<f64>().sqrt();
    direction.iter_mut().for_each(|number| *number = if length > 1e-12 { *number / length } else { 0.0 });
}

fn signed(mut direction: Vec<f32>) -> Vec<f32> {
    let largest = direction.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or_default();
    if largest < 0.0 {
        direction.iter_mut().for_each(|number| *number = -*number);
    }
    direction
}

#[cfg(test)]
mod tests {
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
