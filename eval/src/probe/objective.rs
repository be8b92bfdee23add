//! What a linear probe minimises: mean cross-entropy of a softmax over linear scores, plus λ/2·‖W‖²; the bias is free.
//!
//! In the words of scikit-learn, C = 1/(n·λ). Everything is in float64; features are widened block by block as they are
//! read. The preconditioner is Böhning's bound on the Hessian, ½·Cov + λ·I for each class (½ for its bias), which makes the
//! number of evaluations independent of how correlated the features are.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

use super::cholesky::Cholesky;
use super::lbfgs::Objective;
use crate::Features;

/// Rows widened and multiplied at a time: the block stays in the cache between its two products.
const BLOCK: usize = 256;
/// Independent sums, so that the result does not depend on the number of threads.
const STRIPS: usize = 16;
/// Rows that are enough for the covariance to precondition with: many times the features, and not fewer than these.
const COVARIANCE_ROWS_MIN: usize = 16_384;
/// Floats in all partial covariances together, about: 512 MiB.
const COVARIANCE_FLOATS: usize = 64 << 20;

/// Mean and covariance of training features: measured once, used for every penalty.
#[derive(Debug)]
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    covariance: Array2<f64>,
}

impl Moments {
    /// The mean of all rows and the covariance of as many, evenly spread, as a preconditioner deserves.
    pub(crate) fn of(features: &Features) -> Self {
        let mean = features.mean();
        let len = features.embedding_len;
        let wanted = COVARIANCE_ROWS_MIN.max(8 * len);
        let rows: Vec<usize> = (0..features.len()).step_by(features.len().div_ceil(wanted).max(1)).collect();
        let strip_count = (COVARIANCE_FLOATS / (len * len).max(1)).clamp(2, STRIPS);
        let strips: Vec<Array2<f64>> = rows
            .par_chunks(rows.len().div_ceil(strip_count).max(1))
            .map(|strip| {
                let mut sum = Array2::zeros((len, len));
                for block in strip.chunks(BLOCK) {
                    let mut wide = Array2::zeros((block.len(), len));
                    for (mut to, &row) in wide.rows_mut().into_iter().zip(block) {
                        to.iter_mut()
                            .zip(features.row(row))
                            .zip(&mean)
                            .for_each(|((t, &x), m)| *t = f64::from(x) - m);
                    }
                    general_mat_mul(1.0, &wide.t(), &wide, 1.0, &mut sum);
                }
                sum
            })
            .collect();
        let mut covariance = Array2::zeros((len, len));
        strips.iter().for_each(|strip| covariance += strip);
        covariance /= float(rows.len().max(1));
        Self { mean, covariance }
    }

    /// The features' variance on average; 1 where nothing varies.
    pub(crate) fn mean_variance(&self) -> f64 {
        let mean = self.covariance.diag().mean().unwrap_or_default();
        if mean > 0.0 { mean } else { 1.0 }
    }
}

/// The objective for one penalty; a point is W (classes × features) and then the bias, of centred features.
pub(crate) struct SoftmaxRegression<'a> {
    features: &'a Features,
    labels: &'a [usize],
    classes: usize,
    penalty: f64,
    mean: &'a [f64],
    bound: Cholesky,
    spread: Vec<f64>,
}

impl<'a> SoftmaxRegression<'a> {
    /// `None` when the covariance is not finite or the pictures have not one class each.
    pub(crate) fn new(
        features: &'a Features,
        classes: usize,
        moments: &'a Moments,
        penalty: f64,
    ) -> Option<Self> {
        let mut bound = &moments.covariance * 0.5;
        let most = bound.diag().iter().fold(0.0_f64, |most, &x| most.max(x));
        // Rounding in the covariance may exceed a tiny penalty; a preconditioner may be off by as much.
        bound.diag_mut().iter_mut().for_each(|x| *x += penalty + 1e-12 * most);
        let spread = bound.diag().iter().map(|x| x.sqrt()).collect();
        let bound = Cholesky::new(bound)?;
        let labels = features.labels.classes().ok()?;
        Some(Self { features, labels, classes, penalty, mean: &moments.mean, bound, spread })
    }

    pub(crate) fn len(classes: usize, features: usize) -> usize {
        classes * (features + 1)
    }

    /// Sums of loss and gradient over some rows.
    fn sums(
        &self,
        rows: std::ops::Range<usize>,
        weight: &ArrayView2<'_, f64>,
        bias: &ArrayView1<'_, f64>,
    ) -> Sums {
        let len = self.features.embedding_len;
        let mut sums =
            Sums { loss: 0.0, weight: Array2::zeros((self.classes, len)), bias: Array1::zeros(self.classes) };
        let mut wide = Array2::zeros((BLOCK, len));
        let mut scores = Array2::zeros((BLOCK, self.classes));
        for start in rows.clone().step_by(BLOCK) {
            let block = start..(start + BLOCK).min(rows.end);
            let mut wide = wide.slice_mut(s![..block.len(), ..]);
            let mut scores = scores.slice_mut(s![..block.len(), ..]);
            self.widen(block.clone(), &mut wide);
            general_mat_mul(1.0, &wide, &weight.t(), 0.0, &mut scores);
            for (mut row, &label) in scores.rows_mut().into_iter().zip(&self.labels[block]) {
                row += bias;
                sums.loss += residual(row.as_slice_mut().unwrap_or_default(), label);
            }
            general_mat_mul(1.0, &scores.t(), &wide, 1.0, &mut sums.weight);
            sums.bias += &scores.sum_axis(Axis(0));
        }
        sums
    }

    fn widen(&self, rows: std::ops::Range<usize>, to: &mut ArrayViewMut2<'_, f64>) {
        for (mut to, row) in to.rows_mut().into_iter().zip(rows) {
            let to = to.as_slice_mut().unwrap_or_default();
            for ((t, &x), mean) in to.iter_mut().zip(self.features.row(row)).zip(self.mean) {
                *t = f64::from(x) - mean;
            }
        }
    }
}

struct Sums {
    loss: f64,
    weight: Array2<f64>,
    bias: Array1<f64>,
}

impl Objective for SoftmaxRegression<'_> {
    fn evaluate(&self, point: &[f64], gradient: &mut [f64]) -> f64 {
        let (len, rows) = (self.features.embedding_len, self.features.len());
        let (flat, bias) = point.split_at(self.classes * len);
        let (Ok(weight), bias) = (ArrayView2::from_shape((self.classes, len), flat), ArrayView1::from(bias))
        else {
            return f64::NAN;
        };
        let strip = rows.div_ceil(STRIPS).max(1);
        let starts: Vec<usize> = (0..rows).step_by(strip).collect();
        let strips: Vec<Sums> = starts
            .into_par_iter()
            .map(|start| self.sums(start..(start + strip).min(rows), &weight, &bias))
            .collect();
        let scale = 1.0 / float(rows);
        let (to_weight, to_bias) = gradient.split_at_mut(self.classes * len);
        to_weight.iter_mut().zip(flat).for_each(|(g, w)| *g = self.penalty * w);
        to_bias.fill(0.0);
        let mut loss = 0.5 * self.penalty * super::lbfgs::dot(flat, flat);
        for strip in strips {
            loss += scale * strip.loss;
            to_weight.iter_mut().zip(&strip.weight).for_each(|(g, x)| *g += scale * x);
            to_bias.iter_mut().zip(&strip.bias).for_each(|(g, x)| *g += scale * x);
        }
        loss
    }

    fn precondition(&self, vector: &mut [f64]) {
        let (weight, bias) = vector.split_at_mut(self.classes * self.features.embedding_len);
        weight.par_chunks_mut(self.features.embedding_len).for_each(|row| self.bound.solve(row));
        bias.iter_mut().for_each(|b| *b *= 2.0);
    }

    /// The largest entry, each divided by its feature's spread: the same whatever units the features have.
    fn size(&self, gradient: &[f64]) -> f64 {
        let (weight, bias) = gradient.split_at(self.classes * self.features.embedding_len);
        let weight = weight.iter().zip(self.spread.iter().cycle()).map(|(g, s)| g.abs() / s);
        weight
            .chain(bias.iter().map(|g| g.abs()))
            .fold(0.0, |most, g| if g.is_nan() { g } else { g.max(most) })
    }
}

/// Turns scores into probabilities minus one at the label; returns the cross-entropy.
fn residual(scores: &mut [f64], label: usize) -> f64 {
    let most = scores.iter().fold(f64::NEG_INFINITY, |most, &x| most.max(x));
    let own = scores[label] - most;
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|p| *p /= sum);
    scores[label] -= 1.0;
    sum.ln() - own
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}
