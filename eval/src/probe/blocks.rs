//! The Hessian's blocks on the diagonal, one a class, at a point of the objective: what the gradient is divided by once
//! most rows are told apart for sure, and the few that are not bend each class in directions of its own.
//!
//! A row bends a class by p·(1 − p). Only the rows that carry nearly all of it are multiplied, a few for each class, which
//! costs as much as a handful of evaluations. Knows neither the descent nor when blocks are worth their making.

use ndarray::Array2;
use rayon::prelude::*;

use super::cholesky::{factored, solve};
use super::judge::score_all;
use super::lbfgs::add;
use super::loss::Targets;
use super::moments::{BLOCK, Moments, add_corner, float};
use super::products::{ROWS, padded, widen};
use crate::Features;

/// Of each class's bend, what may be left to the diagonal.
const DROPPED: f64 = 1e-3;
/// Floats in all blocks, or in the bends of all rows, at most: 1 GiB.
const FLOATS_MAX: usize = 128 << 20;

/// One lower triangle a class, of its weights and then its bias.
pub(super) struct Blocks {
    factors: Vec<Array2<f64>>,
    /// Whether the objective stays the same when every class gets the same weights on top.
    shared: bool,
}

/// The rows that bend one class.
struct Bends {
    rows: Vec<(usize, f64)>,
    /// The sum of p·(1 − p) over all other rows.
    dropped: f64,
}

impl Blocks {
    /// The blocks at `point` (weights of centred features, then biases), or `None` where making them costs more than
    /// `worth` evaluations of the objective, takes too much memory, or rounding leaves them not positive definite.
    pub(super) fn at(
        point: &[f64],
        (features, targets, classes): (&Features, Targets<'_>, usize),
        moments: &Moments,
        penalty: f64,
        worth: usize,
    ) -> Option<Self> {
        let (rows, side) = (features.len(), features.embedding_len + 1);
        let floats = classes.saturating_mul(rows.max(side * side));
        let factoring = float(classes) * float(side).powi(3) / 3.0;
        let budget = float(worth) * 2.0 * float(rows) * float(classes) * float(side);
        if floats > FLOATS_MAX || factoring > budget {
            return None;
        }
        let bends = bends(score_all(point, features, classes, &moments.mean), targets, classes);
        let bending: usize = bends.iter().map(|class| class.rows.len()).sum();
        if factoring + 0.5 * float(bending) * float(side * side) > budget {
            return None;
        }
        let factors = bends.par_iter().map(|class| factored(block(class, features, moments, penalty)));
        let shared = matches!(targets, Targets::Classes(_));
        Some(Self { factors: factors.collect::<Option<_>>()?, shared })
    }

    /// Replaces a point's worth of numbers (weights, then biases) by the blocks' solutions for it.
    pub(super) fn solve(&self, vector: &mut [f64]) {
        let classes = self.factors.len();
        let (weights, biases) = vector.split_at_mut(vector.len() / (self.len() + 1) * self.len());
        debug_assert_eq!(biases.len(), classes);
        let rows = weights.par_chunks_mut(self.len()).zip(&mut *biases).zip(&self.factors);
        rows.for_each(|((weight, bias), factor)| {
            let mut all: Vec<f64> = weight.iter().chain([&*bias]).copied().collect();
            solve(factor, &mut all);
            *bias = all.pop().unwrap_or(0.0);
            weight.copy_from_slice(&all);
        });
        if self.shared {
            // Blocks of their own would move what all classes share, where nothing but λ bends back.
            subtract_mean(weights, self.len());
            subtract_mean(biases, 1);
        }
    }

    /// Features.
    fn len(&self) -> usize {
        self.factors.first().map_or(0, |factor| factor.nrows() - 1)
    }
}

/// Takes from each of the rows the mean row.
fn subtract_mean(rows: &mut [f64], len: usize) {
    let mut mean = vec![0.0; len];
    let share = float(len) / float(rows.len().max(1));
    rows.chunks_exact(len).for_each(|row| add(&mut mean, share, row));
    rows.chunks_exact_mut(len).for_each(|row| add(row, -1.0, &mean));
}

/// For each class the fewest rows that together bend it enough.
fn bends(mut scored: Vec<f64>, targets: Targets<'_>, classes: usize) -> Vec<Bends> {
    scored.par_chunks_mut(classes).enumerate().for_each(|(row, scores)| {
        targets.slopes(row, scores);
        // The slope is p or p − 1; a mark that is not judged has none.
        scores.iter_mut().for_each(|slope| *slope = slope.abs() * (1.0 - slope.abs()));
    });
    let one = |class: usize| {
        let column = scored.iter().skip(class).step_by(classes);
        let mut rows: Vec<(usize, f64)> = column.copied().enumerate().collect();
        rows.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut left: f64 = rows.iter().map(|(_, bend)| bend).sum();
        let enough = DROPPED * left;
        let kept = rows.iter().take_while(|(_, bend)| {
            let needed = left > enough;
            left -= bend;
            needed
        });
        let mut rows: Vec<(usize, f64)> = kept.copied().collect();
        rows.sort_unstable_by_key(|(row, _)| *row);
        Bends { rows, dropped: enough }
    };
    (0..classes).into_par_iter().map(one).collect()
}

/// The lower triangle of one class's block.
fn block(class: &Bends, features: &Features, moments: &Moments, penalty: f64) -> Array2<f64> {
    let len = features.embedding_len;
    let width = padded(len + 1);
    let mut sum = vec![0.0; width * width];
    let mut wide = vec![0.0; BLOCK * width];
    for rows in class.rows.chunks(BLOCK) {
        wide.fill(0.0);
        for (to, &(row, bend)) in wide.chunks_exact_mut(width).zip(rows) {
            widen(features.row(row), &moments.mean, &mut to[..len]);
            to[len] = 1.0;
            let root = bend.sqrt();
            to.iter_mut().for_each(|x| *x *= root);
        }
        add_corner(&wide[..rows.len().next_multiple_of(ROWS) * width], width, &mut sum);
    }
    let scale = 1.0 / float(features.len());
    let most = moments.variances.iter().fold(0.0_f64, |most, &x| most.max(x));
    Array2::from_shape_fn((len + 1, len + 1), |(i, j)| {
        let own = match moments.variances.get(i) {
            Some(variance) => scale * class.dropped * variance + penalty + 1e-12 * most,
            None => scale * class.dropped + 1e-12,
        };
        scale * sum[i * width + j] + if i == j { own } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Labels;

    #[test]
    fn solutions_put_back_into_the_blocks_of_the_definition_give_the_vector() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        for (rows, len, classes) in [(60, 1, 2), (200, 31, 3), (150, 70, 4)] {
            let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
            let embeddings = (0..rows * len).map(|_| random.random_range(-1.0..3.0)).collect();
            let features = Features { embedding_len: len, embeddings, labels: Labels::Classes(labels) };
            let (moments, targets) = (Moments::of(&features), Targets::from(&features.labels));
            let point: Vec<f64> = (0..classes * (len + 1)).map(|_| random.random_range(-0.5..0.5)).collect();
            let penalty = 0.03;
            let mut blocks =
                Blocks::at(&point, (&features, targets, classes), &moments, penalty, usize::MAX).unwrap();
            let vector: Vec<f64> = point.iter().map(|x| x * x - 0.1).collect();
            let mut solved = vector.clone();
            blocks.solve(&mut solved);
            for j in 0..len {
                let shared: f64 = (0..classes).map(|class| solved[class * len + j]).sum();
                assert!(shared.abs() < 1e-9, "{j}: {shared}");
            }
            blocks.shared = false;
            solved.clone_from(&vector);
            blocks.solve(&mut solved);
            let scored = score_all(&point, &features, classes, &moments.mean);
            for class in 0..classes {
                let of = |v: &[f64], j: usize| {
                    if j < len { v[class * len + j] } else { v[classes * len + class] }
                };
                let mut back = vec![0.0; len + 1];
                for (row, scores) in scored.chunks_exact(classes).enumerate() {
                    let all: f64 = scores.iter().map(|score| score.exp()).sum();
                    let p = scores[class].exp() / all;
                    let x = |j: usize| {
                        if j < len { f64::from(features.row(row)[j]) - moments.mean[j] } else { 1.0 }
                    };
                    let along: f64 = (0..=len).map(|j| x(j) * of(&solved, j)).sum();
                    (0..=len).for_each(|j| back[j] += p * (1.0 - p) * x(j) * along / rows as f64);
                }
                (0..len).for_each(|j| back[j] += penalty * of(&solved, j));
                // A thousandth of the bend is known by its diagonal alone.
                let size = vector.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                for (j, found) in back.iter().enumerate() {
                    assert!((found - of(&vector, j)).abs() < 0.02 * size, "{rows} {class} {j}: {found}");
                }
            }
        }
    }
}
