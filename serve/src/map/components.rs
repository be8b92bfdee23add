//! The directions along which rows differ most: principal components, found by orthogonal iteration over the rows
//! themselves, so that no matrix of dimension × dimension is made, however long the vectors are.
//!
//! Rows go in, directions come out. Knows no records, no plane and no HTTP.

/// One minus the cosine between a direction and itself a pass ago, below which it stands still.
const STILL: f64 = 1e-10;
/// Rows summed in f32 before their sum is added in f64.
const BLOCK: usize = 256;

/// Moves the rows (N × `dimension`, row-major) so that their mean is nought.
pub(super) fn centre(rows: &mut [f32], dimension: usize) {
    let mut mean = vec![0.0_f64; dimension];
    for row in rows.chunks_exact(dimension) {
        mean.iter_mut().zip(row).for_each(|(sum, &number)| *sum += f64::from(number));
    }
    let count = (rows.len() / dimension).max(1) as f64;
    for row in rows.chunks_exact_mut(dimension) {
        row.iter_mut().zip(&mean).for_each(|(number, sum)| *number -= (sum / count) as f32);
    }
}

/// `count` orthogonal directions of length 1, that of the most difference first, after at most `passes` passes over centred
/// rows (N × `dimension`, row-major); zeros where the rows do not differ. The largest number of each is positive.
pub(super) fn components(rows: &[f32], dimension: usize, count: usize, passes: usize) -> Vec<Vec<f32>> {
    let mut now: Vec<Vec<f32>> = (1..=count as u64).map(|seed| start(dimension, seed)).collect();
    for _ in 0..passes {
        let mut next = multiply(rows, dimension, &now);
        make_orthogonal(&mut next);
        let still = now.iter().zip(&next).all(|(now, next)| moved(now, next) < STILL);
        now = next.into_iter().map(|one| one.into_iter().map(|number| number as f32).collect()).collect();
        if still {
            break;
        }
    }
    now.into_iter().map(signed).collect()
}

fn make_orthogonal(directions: &mut [Vec<f64>]) {
    for place in 0..directions.len() {
        let (before, rest) = directions.split_at_mut(place);
        let Some(one) = rest.first_mut() else { return };
        for other in before {
            let shadow: f64 = other.iter().zip(one.iter()).map(|(a, b)| a * b).sum();
            one.iter_mut().zip(other.iter()).for_each(|(b, a)| *b -= shadow * a);
        }
        normalise(one);
    }
}

fn moved(now: &[f32], next: &[f64]) -> f64 {
    // Where nothing is left to point along, nothing moves.
    if next.iter().all(|&number| number == 0.0) {
        return 0.0;
    }
    1.0 - now.iter().zip(next).map(|(&a, b)| f64::from(a) * b).sum::<f64>().abs()
}

/// Numbers that lie along no direction in particular, always the same ones.
pub(super) fn start(dimension: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    (0..dimension).map(|_| next()).collect()
}

/// Rows' covariance, times N, times each direction.
fn multiply(rows: &[f32], dimension: usize, directions: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.0_f64; dimension]; directions.len()];
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
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (whole, rest) = (a.chunks_exact(8), a.chunks_exact(8).remainder());
    let mut lanes = [0.0_f32; 8];
    for (a, b) in whole.zip(b.chunks_exact(8)) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += a * b);
    }
    let last = &b[b.len() - rest.len()..];
    lanes.iter().sum::<f32>() + rest.iter().zip(last).map(|(a, b)| a * b).sum::<f32>()
}

pub(super) fn normalise(direction: &mut [f64]) {
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
