//! The two products that a fit spends its time in, for blocks of rows that stay in the cache: scores = rows × weights, and
//! gradient += residualsᵀ × rows.
//!
//! Plain loops over arrays of fixed length, compiled three times: for AVX-512, for AVX2, and for any processor. Which is
//! used is decided by the processor alone, so results on one machine are always the same. Knows no loss and no penalty.

/// Rows are given in multiples of this.
pub(super) const ROWS: usize = 8;
/// Lengths are padded with zeros to multiples of this.
pub(super) const LANES: usize = 16;
/// Classes whose gradient is kept in registers at a time.
const WIDE: usize = 8;
const NARROW: usize = 2;

/// A length rounded up to whole lanes.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(LANES)
}

/// `rows` × `len` weights, row-major, as tiles of [`LANES`] rows, each `width` × [`LANES`]: the order in which [`scores`]
/// reads them. `width` is `len` padded.
pub(super) fn tiles(weights: &[f64], len: usize, width: usize) -> Vec<f64> {
    let rows = weights.len() / len.max(1);
    let mut tiles = vec![0.0; padded(rows) * width];
    for (row, weights) in weights.chunks_exact(len).enumerate() {
        let tile = &mut tiles[row / LANES * LANES * width..][..LANES * width];
        for (lanes, weight) in tile.chunks_exact_mut(LANES).zip(weights) {
            lanes[row % LANES] = *weight;
        }
    }
    tiles
}

/// Whether the processor's fused multiply-add is used: without one, asking for it is slow beyond measure.
#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f64, b: f64, sum: f64) -> f64 {
    if FUSED { a.mul_add(b, sum) } else { a * b + sum }
}

/// `sums` += `factor` × `row`.
#[inline(always)]
fn add_row<const FUSED: bool>(sums: &mut [f64; LANES], factor: f64, row: &[f64; LANES]) {
    for (sum, x) in sums.iter_mut().zip(row) {
        *sum = multiply_add::<FUSED>(factor, *x, *sum);
    }
}

#[inline(always)]
fn scores_loops<const FUSED: bool>(block: &[f64], width: usize, tiles: &[f64], to: &mut [f64]) {
    let classes = tiles.len() / width;
    for (group, to) in block.chunks_exact(ROWS * width).zip(to.chunks_exact_mut(ROWS * classes)) {
        for (place, tile) in tiles.chunks_exact(LANES * width).enumerate() {
            let mut sums = [[0.0_f64; LANES]; ROWS];
            let (lanes, _) = tile.as_chunks::<LANES>();
            let mut rows = group.chunks_exact(width);
            let rows: [&[f64]; ROWS] = std::array::from_fn(|_| rows.next().unwrap_or_default());
            // Slices of one known length, so that no index is checked in the loop.
            let rows = rows.map(|row| &row[..lanes.len()]);
            for (j, weights) in lanes.iter().enumerate() {
                // Written out, because compilers spread a loop over rows, not lanes, across registers.
                add_row::<FUSED>(&mut sums[0], rows[0][j], weights);
                add_row::<FUSED>(&mut sums[1], rows[1][j], weights);
                add_row::<FUSED>(&mut sums[2], rows[2][j], weights);
                add_row::<FUSED>(&mut sums[3], rows[3][j], weights);
                add_row::<FUSED>(&mut sums[4], rows[4][j], weights);
                add_row::<FUSED>(&mut sums[5], rows[5][j], weights);
                add_row::<FUSED>(&mut sums[6], rows[6][j], weights);
                add_row::<FUSED>(&mut sums[7], rows[7][j], weights);
            }
            for (to, sums) in to.chunks_exact_mut(classes).zip(&sums) {
                to[place * LANES..][..LANES].copy_from_slice(sums);
            }
        }
    }
}

/// The gradient of as many classes as numbers are given, from class `first` on.
macro_rules! gradient_tile {
    ($name:ident, $classes:ident, $($class:literal)*) => {
        #[inline(always)]
        fn $name<const FUSED: bool>(
            residuals: (&[f64], usize, usize),
            block: &[f64],
            width: usize,
            columns: usize,
            sums: &mut [f64],
        ) {
            let (residuals, classes, first) = residuals;
            for start in (0..columns).step_by(LANES) {
                let mut kept = [[0.0_f64; LANES]; $classes];
                for (residuals, row) in residuals.chunks_exact(classes).zip(block.chunks_exact(width)) {
                    let (Some(residuals), Some(row)) =
                        (residuals[first..].first_chunk::<$classes>(), row[start..].first_chunk::<LANES>())
                    else {
                        return;
                    };
                    $(add_row::<FUSED>(&mut kept[$class], residuals[$class], row);)*
                }
                for (sums, kept) in sums.chunks_exact_mut(width).zip(&kept) {
                    sums[start..start + LANES].iter_mut().zip(kept).for_each(|(sum, x)| *sum += x);
                }
            }
        }
    };
}

gradient_tile!(gradient_of_eight, WIDE, 0 1 2 3 4 5 6 7);
gradient_tile!(gradient_of_two, NARROW, 0 1);

#[inline(always)]
fn gradient_loops<const FUSED: bool>(
    residuals: &[f64],
    classes: usize,
    block: &[f64],
    width: usize,
    columns: usize,
    sums: &mut [f64],
) {
    let (mut first, wanted) = (0, sums.len() / width);
    while first + WIDE <= wanted {
        let sums = &mut sums[first * width..][..WIDE * width];
        gradient_of_eight::<FUSED>((residuals, classes, first), block, width, columns, sums);
        first += WIDE;
    }
    while first < wanted {
        let sums = &mut sums[first * width..][..NARROW * width];
        gradient_of_two::<FUSED>((residuals, classes, first), block, width, columns, sums);
        first += NARROW;
    }
}

#[inline(always)]
fn widen_loops<const FUSED: bool>(row: &[f32], mean: &[f64], to: &mut [f64]) {
    for ((to, x), mean) in to.iter_mut().zip(row).zip(mean) {
        *to = f64::from(*x) - mean;
    }
}

/// The same loops for the best instructions that the processor has.
macro_rules! compiled_thrice {
    ($(#[$doc:meta])* $name:ident = $loops:ident($($argument:ident: $type:ty),* $(,)?)) => {
        $(#[$doc])*
        pub(super) fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f")]
                fn wide($($argument: $type),*) {
                    $loops::<true>($($argument),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn medium($($argument: $type),*) {
                    $loops::<true>($($argument),*);
                }
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: the processor has just said that it has these instructions.
                    return unsafe { wide($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: as above.
                    return unsafe { medium($($argument),*) };
                }
            }
            $loops::<false>($($argument),*);
        }
    };
}

compiled_thrice!(
    /// `to` (rows × padded classes) = `block` (rows × `width`) × the weights that [`tiles`] ordered; rows are a multiple of
    /// [`ROWS`], `width` of [`LANES`].
    scores = scores_loops(block: &[f64], width: usize, tiles: &[f64], to: &mut [f64])
);
compiled_thrice!(
    /// `sums` (an even number of classes × `width`) += `residuals`ᵀ (rows × `classes`) × `block` (rows × `width`), in the
    /// first `columns` only, a multiple of [`LANES`].
    add_gradient = gradient_loops(
        residuals: &[f64], classes: usize, block: &[f64], width: usize, columns: usize, sums: &mut [f64])
);
compiled_thrice!(
    /// A row of embeddings as f64, less the mean.
    widen = widen_loops(row: &[f32], mean: &[f64], to: &mut [f64])
);

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    type Scores = fn(&[f64], usize, &[f64], &mut [f64]);
    type Gradient = fn(&[f64], usize, &[f64], usize, usize, &mut [f64]);

    #[test]
    fn both_products_agree_with_loops_for_all_processors() {
        let kinds: [(Scores, Gradient); 3] = [
            (scores, add_gradient),
            (scores_loops::<false>, gradient_loops::<false>),
            (scores_loops::<true>, gradient_loops::<true>),
        ];
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for (rows, len, classes) in [(8, 1, 2), (16, 16, 10), (24, 33, 17), (64, 40, 37)] {
            let (width, lanes) = (padded(len), padded(classes));
            let mut block = vec![0.0; rows * width];
            for row in block.chunks_exact_mut(width) {
                row[..len].fill_with(|| random.random_range(-1.0..1.0));
            }
            let weights: Vec<f64> = (0..classes * len).map(|_| random.random_range(-1.0..1.0)).collect();
            for (scores, add_gradient) in kinds {
                let mut found = vec![f64::NAN; rows * lanes];
                scores(&block, width, &tiles(&weights, len, width), &mut found);
                let mut sums = vec![1.0; classes.next_multiple_of(NARROW) * width];
                add_gradient(&found, lanes, &block, width, width, &mut sums);
                for row in 0..rows {
                    for class in 0..lanes {
                        let expected: f64 = (0..len)
                            .filter(|_| class < classes)
                            .map(|j| block[row * width + j] * weights[class * len + j])
                            .sum();
                        let found = found[row * lanes + class];
                        assert!((found - expected).abs() < 1e-12, "{row} {class}: {found} {expected}");
                    }
                }
                for (place, sum) in sums.iter().enumerate().take(classes * width) {
                    let (class, j) = (place / width, place % width);
                    let expected: f64 =
                        1.0 + (0..rows).map(|r| found[r * lanes + class] * block[r * width + j]).sum::<f64>();
                    assert!((sum - expected).abs() < 1e-11, "{class} {j}: {sum} {expected}");
                }
            }
        }
    }
}
