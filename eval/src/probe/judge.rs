//! How good a point of the objective is on rows that it was not fitted on.

use rayon::prelude::*;

use super::loss::Targets;
use super::moments::{BLOCK, float};
use super::products::{ROWS, padded, scores, tiles, widen};
use crate::Features;

/// What a penalty is chosen by.
pub(super) struct Judged {
    /// In percent, what the rows' targets are judged by: top-1, or the 11-point mean average precision.
    pub(super) score: f64,
    /// Mean loss.
    pub(super) loss: f64,
}

/// Scores every row with the weights and biases of `point`, which are those of centred features.
pub(super) fn judge(
    point: &[f64],
    features: &Features,
    targets: Targets<'_>,
    classes: usize,
    mean: &[f64],
) -> Judged {
    let scored = score_all(point, features, classes, mean);
    let score = targets.score(&scored, classes);
    let mut slopes = scored;
    let rows = slopes.chunks_exact_mut(classes).enumerate();
    let loss = rows.map(|(row, scores)| targets.slopes(row, scores)).sum::<f64>();
    Judged { score, loss: loss / float(features.len().max(1)) }
}

/// The scores of every row, rows × classes.
pub(super) fn score_all(point: &[f64], features: &Features, classes: usize, mean: &[f64]) -> Vec<f64> {
    let len = features.embedding_len;
    let (width, lanes) = (padded(len), padded(classes));
    let (weights, bias) = point.split_at(classes * len);
    let tiles = tiles(weights, len, width);
    let mut scored = vec![0.0; features.len() * classes];
    scored.par_chunks_mut(BLOCK * classes).enumerate().for_each(|(block, to)| {
        let count = (to.len() / classes).next_multiple_of(ROWS);
        let (mut wide, mut found) = (vec![0.0; count * width], vec![0.0; count * lanes]);
        for (offset, wide) in wide.chunks_exact_mut(width).take(to.len() / classes).enumerate() {
            widen(features.row(block * BLOCK + offset), mean, wide);
        }
        scores(&wide, width, &tiles, &mut found);
        for (to, found) in to.chunks_exact_mut(classes).zip(found.chunks_exact(lanes)) {
            to.iter_mut().zip(found).zip(bias).for_each(|((to, score), bias)| *to = score + bias);
        }
    });
    scored
}
