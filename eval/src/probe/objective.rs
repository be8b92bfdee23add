//! What a linear probe minimises: the mean loss of linear scores, plus λ/2·‖W‖²; the bias is free.
//!
//! In the words of scikit-learn, C = 1/(n·λ). Everything is in float64; features are widened block by block as they are
//! read. The preconditioner is α·Cov + λ·I for each class (α for its bias), which makes the number of evaluations independent
//! of how correlated the features are. Böhning's bound on the Hessian has α = ½ (¼ for one-vs-rest); what the probabilities
//! at hand give instead, the mean of p·(1 − p) over rows, is nearer and needs a third fewer evaluations. Where that is not
//! enough, each class is given its own block of the Hessian.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::blocks::Blocks;
use super::lbfgs::{Objective, dot};
use super::loss::Targets;
use super::moments::{BLOCK, Moments, STRIPS, float};
use super::products::{ROWS, add_gradient, padded, scores, tiles, widen};
use super::tridiagonal::Shifted;
use crate::Features;

/// The objective for one penalty; a point is W (classes × features) and then the bias, of centred features.
pub(crate) struct Regression<'a> {
    features: &'a Features,
    targets: Targets<'a>,
    classes: usize,
    penalty: f64,
    mean: &'a [f64],
    inverse: Shifted<'a>,
    blocks: Option<Blocks>,
    /// α.
    curvature: f64,
    spread: Vec<f64>,
    /// What α would be where it was last evaluated, as bits.
    found: AtomicU64,
}

impl<'a> Regression<'a> {
    /// Preconditioned with `curvature` as α, or with Böhning's; `None` when the covariance is not finite.
    pub(crate) fn new(
        features: &'a Features,
        targets: Targets<'a>,
        classes: usize,
        moments: &'a Moments,
        (penalty, curvature): (f64, Option<f64>),
    ) -> Option<Self> {
        let bound = targets.curvature();
        // Where nearly every row is told apart for sure, a few rows are all that bends.
        let curvature = curvature.map_or(bound, |found| found.clamp(1e-3 * bound, bound));
        let most = moments.variances.iter().fold(0.0_f64, |most, &x| most.max(x));
        // Rounding in the covariance may exceed a tiny penalty; a preconditioner may be off by as much.
        let inverse = moments.covariance.shifted(penalty / curvature + 1e-12 * most)?;
        let spread =
            moments.variances.iter().map(|x| (bound * (x + 1e-12 * most) + penalty).sqrt()).collect();
        let (mean, found) = (&moments.mean, AtomicU64::new(curvature.to_bits()));
        Some(Self {
            features,
            targets,
            classes,
            penalty,
            mean,
            inverse,
            blocks: None,
            curvature,
            spread,
            found,
        })
    }

    /// Preconditioned with each class's own block from now on, or with none.
    pub(super) fn divide_by(&mut self, blocks: Option<Blocks>) {
        self.blocks = blocks;
    }

    /// α where it was last evaluated.
    pub(crate) fn curvature(&self) -> f64 {
        f64::from_bits(self.found.load(Ordering::Relaxed))
    }

    pub(crate) fn len(classes: usize, features: usize) -> usize {
        classes * (features + 1)
    }

    /// Sums of loss and gradient over some rows.
    fn sums(&self, rows: std::ops::Range<usize>, weights: &[f64], bias: &[f64]) -> Sums {
        let (width, lanes) = (padded(self.features.embedding_len), padded(self.classes));
        let mut sums = Sums {
            loss: 0.0,
            weight: vec![0.0; self.classes.next_multiple_of(2) * width],
            bias: vec![0.0; self.classes],
            bend: 0.0,
        };
        let (mut wide, mut scored) = (vec![0.0; BLOCK * width], vec![0.0; BLOCK * lanes]);
        for start in rows.clone().step_by(BLOCK) {
            let block = start..(start + BLOCK).min(rows.end);
            let count = block.len().next_multiple_of(ROWS);
            let (wide, scored) = (&mut wide[..count * width], &mut scored[..count * lanes]);
            wide[block.len() * width..].fill(0.0);
            for (to, row) in wide.chunks_exact_mut(width).zip(block.clone()) {
                widen(self.features.row(row), self.mean, to);
            }
            scores(wide, width, weights, scored);
            // Rows that only fill the last group, and classes that only fill lanes, must add nothing.
            scored[block.len() * lanes..].fill(0.0);
            for (row, scores) in block.zip(scored.chunks_exact_mut(lanes)) {
                let (scores, rest) = scores.split_at_mut(self.classes);
                rest.fill(0.0);
                scores.iter_mut().zip(bias).for_each(|(score, bias)| *score += bias);
                sums.loss += self.targets.slopes(row, scores);
                for (sum, slope) in sums.bias.iter_mut().zip(scores) {
                    *sum += *slope;
                    // p·(1 − p), whether the slope is p or p − 1.
                    sums.bend += slope.abs() * (1.0 - slope.abs());
                }
            }
            add_gradient(scored, lanes, wide, width, width, &mut sums.weight);
        }
        sums
    }
}

struct Sums {
    loss: f64,
    weight: Vec<f64>,
    bias: Vec<f64>,
    /// The sum of p·(1 − p).
    bend: f64,
}

impl Objective for Regression<'_> {
    fn evaluate(&self, point: &[f64], gradient: &mut [f64]) -> f64 {
        let (len, rows) = (self.features.embedding_len, self.features.len());
        let width = padded(len);
        let (weights, bias) = point.split_at(self.classes * len);
        let tiles = tiles(weights, len, width);
        // Whole blocks, so that all but the last strip are without a remainder.
        let strip = rows.div_ceil(STRIPS).next_multiple_of(BLOCK);
        let starts: Vec<usize> = (0..rows).step_by(strip).collect();
        let strips: Vec<Sums> = starts
            .into_par_iter()
            .map(|start| self.sums(start..(start + strip).min(rows), &tiles, bias))
            .collect();
        let scale = 1.0 / float(rows);
        let (to_weight, to_bias) = gradient.split_at_mut(self.classes * len);
        to_weight.iter_mut().zip(weights).for_each(|(g, w)| *g = self.penalty * w);
        to_bias.fill(0.0);
        let mut loss = 0.5 * self.penalty * dot(weights, weights);
        let mut bend = 0.0;
        for strip in strips {
            bend += scale * strip.bend;
            loss += scale * strip.loss;
            for (to, sums) in to_weight.chunks_exact_mut(len).zip(strip.weight.chunks_exact(width)) {
                to.iter_mut().zip(sums).for_each(|(g, x)| *g += scale * x);
            }
            to_bias.iter_mut().zip(&strip.bias).for_each(|(g, x)| *g += scale * x);
        }
        let found = bend / float(self.targets.degrees(self.classes));
        self.found.store(found.to_bits(), Ordering::Relaxed);
        loss
    }

    fn precondition(&self, vector: &mut [f64]) {
        if let Some(blocks) = &self.blocks {
            return blocks.solve(vector);
        }
        let (weights, bias) = vector.split_at_mut(self.classes * self.features.embedding_len);
        self.inverse.solve(weights);
        weights.iter_mut().chain(bias).for_each(|x| *x /= self.curvature);
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
