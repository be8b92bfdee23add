//! Whether two classifiers differ by more than the choice of test pictures explains: one difference a picture in, a p-value
//! out. What runs to run differ by is not in it. Knows no classifier.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Permutations that one stream of random numbers serves.
const CHUNK: usize = 1000;

/// The two-sided p-value of the mean of `differences` (a's score less b's, one a picture) when a and b are swapped picture
/// by picture at random: the paper's permutation test (appendix B.8). The permutation observed counts as one of them, so
/// that p is never 0. Seeded, and the same for any number of threads.
pub fn permutation_test(differences: &[f64], permutations: usize, seed: u64) -> f64 {
    let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).filter(|d| *d > 0.0).collect();
    let observed = differences.iter().sum::<f64>().abs();
    // Sums that are equal but for rounding are equal.
    let enough = observed * (1.0 - 1e-9);
    let chunk = |number: usize| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(number as u64);
        let count = CHUNK.min(permutations - number * CHUNK);
        (0..count).filter(|_| swapped(&sizes, &mut random).abs() >= enough).count()
    };
    let as_far: usize = (0..permutations.div_ceil(CHUNK)).into_par_iter().map(chunk).sum();
    float(as_far + 1) / float(permutations + 1)
}

/// The sum with every sign drawn.
fn swapped(sizes: &[f64], random: &mut ChaCha8Rng) -> f64 {
    let mut sum = 0.0;
    for sizes in sizes.chunks(64) {
        let mut bits = random.next_u64();
        for size in sizes {
            sum += if bits & 1 == 1 { *size } else { -*size };
            bits >>= 1;
        }
    }
    sum
}

/// McNemar's exact two-sided p-value: of the pictures that only one of two classifiers gets right, how unlikely is so
/// uneven a share, were each as likely to be the one.
pub fn mcnemar(only_a: usize, only_b: usize) -> f64 {
    let all = only_a + only_b;
    let fewer = only_a.min(only_b);
    // ln C(all, i) by its ratios, from i = 0 up.
    let (mut logarithm, mut tail) = (-float(all) * std::f64::consts::LN_2, 0.0);
    for i in 0..=fewer {
        tail += logarithm.exp();
        logarithm += (float(all - i) / float(i + 1)).ln();
    }
    (2.0 * tail).min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(only_a: usize, only_b: usize, same: usize) -> Vec<f64> {
        let parts = [vec![1.0; only_a], vec![-1.0; only_b], vec![0.0; same]];
        parts.concat()
    }

    #[test]
    fn exact_values_of_small_cases() {
        // Six of six: 2/64; five of six: 2·7/64; none at all; even.
        assert!((mcnemar(6, 0) - 2.0 / 64.0).abs() < 1e-12);
        assert!((mcnemar(1, 5) - 14.0 / 64.0).abs() < 1e-12);
        assert!((mcnemar(0, 0) - 1.0).abs() < 1e-12 && (mcnemar(4, 4) - 1.0).abs() < 1e-12);
        // Beyond what 2^-n can hold, as scipy.stats.binomtest(900, 2000).pvalue has it.
        assert!((mcnemar(900, 1100) / 8.457_089_5e-6 - 1.0).abs() < 1e-6, "{:e}", mcnemar(900, 1100));
    }

    #[test]
    fn permutations_of_hits_give_mcnemars_p() {
        for (only_a, only_b) in [(6, 0), (10, 4), (120, 90), (300, 310), (40, 75)] {
            let exact = mcnemar(only_a, only_b);
            let found = permutation_test(&differences(only_a, only_b, 1000), 100_000, 1);
            let spread = (exact * (1.0 - exact) / 100_000.0).sqrt();
            assert!((found - exact).abs() < 5.0 * spread + 2e-5, "{only_a} {only_b}: {found} {exact}");
        }
    }

    #[test]
    fn all_sign_changes_of_unequal_differences() {
        let values: [f64; 8] = [0.5, 1.25, -0.25, 2.0, 0.75, 1.5, -0.125, 0.375];
        let observed = values.iter().sum::<f64>().abs();
        let as_far = (0..256_u32)
            .filter(|signs| {
                let sum: f64 =
                    values.iter().enumerate().map(|(i, v)| if signs >> i & 1 == 1 { *v } else { -v }).sum();
                sum.abs() >= observed - 1e-12
            })
            .count();
        let exact = as_far as f64 / 256.0;
        let found = permutation_test(&values, 100_000, 3);
        assert!((found - exact).abs() < 0.004, "{found} {exact}");
        assert!((found - permutation_test(&values, 100_000, 3)).abs() < 1e-15);
        assert!((permutation_test(&[0.0; 5], 100, 0) - 1.0).abs() < 1e-12);
    }
}
