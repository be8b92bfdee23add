//! The loss of one row of scores, and its slope: softmax for one class a row, one-vs-rest for marks.

use simclr_datasets::Mark;

use super::moments::float;
use crate::Labels;
use crate::metrics::{DifficultRule, Recall, mean_average_precision};

/// What each row should be given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Targets<'a> {
    /// Its class: cross-entropy of a softmax over all classes.
    Classes(&'a [usize]),
    /// A mark for each of so many classes: one logistic loss a class, without the rows whose mark there is difficult.
    Marks(&'a [Mark], usize),
}

impl<'a> From<&'a Labels> for Targets<'a> {
    fn from(labels: &'a Labels) -> Self {
        match labels {
            Labels::Classes(labels) => Self::Classes(labels),
            Labels::Marks { classes, marks } => Self::Marks(marks, *classes),
        }
    }
}

impl Targets<'_> {
    /// Turns one row's scores into the slopes of its loss, and returns the loss.
    pub(super) fn slopes(&self, row: usize, scores: &mut [f64]) -> f64 {
        match *self {
            Self::Classes(labels) => softmax(scores, labels[row]),
            Self::Marks(marks, classes) => one_vs_rest(scores, &marks[row * classes..][..classes]),
        }
    }

    /// In percent, how well scores order the rows: top-1, or the 11-point mean average precision.
    pub(super) fn score(&self, scores: &[f64], classes: usize) -> f64 {
        match *self {
            Self::Classes(labels) => {
                let first_highest = |row: &[f64]| {
                    let most = row.iter().fold(f64::NEG_INFINITY, |most, &s| most.max(s));
                    row.iter().position(|&s| s == most)
                };
                let rows = scores.chunks_exact(classes).zip(labels);
                let hits = rows.filter(|(row, label)| first_highest(row) == Some(**label)).count();
                100.0 * float(hits) / float(labels.len().max(1))
            }
            Self::Marks(marks, classes) => {
                mean_average_precision(scores, marks, classes, Recall::Eleven, DifficultRule::Ignored)
            }
        }
    }

    /// The mean of p·(1 − p) over free scores where all scores are equal.
    pub(super) fn curvature_at_zero(&self, classes: usize) -> f64 {
        match self {
            Self::Classes(_) => 1.0 / float(classes.max(2)),
            Self::Marks(..) => 0.25,
        }
    }

    /// How many scores of a row are free: one fewer than classes where their probabilities sum to 1.
    pub(super) fn degrees(&self, classes: usize) -> usize {
        match self {
            Self::Classes(_) => classes.saturating_sub(1).max(1),
            Self::Marks(..) => classes,
        }
    }

    /// The largest curvature of the loss along one class's score, by which Böhning bounds the Hessian.
    pub(super) fn curvature(&self) -> f64 {
        match self {
            Self::Classes(_) => 0.5,
            Self::Marks(..) => 0.25,
        }
    }
}

/// Probabilities minus one at the label; the cross-entropy.
fn softmax(scores: &mut [f64], label: usize) -> f64 {
    let most = scores.iter().fold(f64::NEG_INFINITY, |most, &x| most.max(x));
    let own = scores[label] - most;
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    let scale = 1.0 / sum;
    scores.iter_mut().for_each(|p| *p *= scale);
    scores[label] -= 1.0;
    sum.ln() - own
}

/// For each class its probability, less one where it is present; the sum of the logistic losses.
fn one_vs_rest(scores: &mut [f64], marks: &[Mark]) -> f64 {
    let mut loss = 0.0;
    for (score, mark) in scores.iter_mut().zip(marks) {
        let sign = match mark {
            Mark::Present => -1.0,
            Mark::Absent => 1.0,
            Mark::Difficult => {
                *score = 0.0;
                continue;
            }
        };
        // ln(1 + e^z) and its slope, of a size that e^−|z| never overflows.
        let z = sign * *score;
        let small = (-z.abs()).exp();
        loss += z.max(0.0) + small.ln_1p();
        let probability = if z >= 0.0 { 1.0 } else { small } / (1.0 + small);
        *score = sign * probability;
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_slopes_of_known_scores() {
        let mut scores = [0.0, 0.0];
        assert!((softmax(&mut scores, 1) - 2.0_f64.ln()).abs() < 1e-15);
        assert_eq!(scores, [0.5, -0.5]);
        let mut scores = [1.0, 1001.0, 0.0];
        assert!(softmax(&mut scores, 1) < 1e-12);
        let mut scores = [0.0, 0.0, 7.0, 800.0, -800.0];
        let marks = [Mark::Present, Mark::Absent, Mark::Difficult, Mark::Present, Mark::Present];
        let loss = one_vs_rest(&mut scores, &marks);
        assert!((loss - 2.0 * 2.0_f64.ln() - 800.0).abs() < 1e-12, "{loss}");
        assert_eq!(scores, [-0.5, 0.5, 0.0, 0.0, -1.0]);
    }
}
