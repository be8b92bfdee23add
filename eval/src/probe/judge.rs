//! How good a point of the objective is on rows that it was not fitted on.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::Features;

/// Rows scored at a time.
const BLOCK: usize = 256;

/// What a penalty is chosen by.
pub(super) struct Judged {
    /// Percent of rows whose highest score is their label's; of equal scores the lower class wins.
    pub(super) top_1: f64,
    /// Mean cross-entropy.
    pub(super) loss: f64,
}

/// Scores every row with the weights and biases of `point`, which are those of centred features.
pub(super) fn judge(point: &[f64], features: &Features, classes: usize, mean: &[f64]) -> Judged {
    let len = features.embedding_len;
    let Ok(weight) = ArrayView2::from_shape((classes, len), &point[..classes * len]) else {
        return Judged { top_1: f64::NAN, loss: f64::NAN };
    };
    let Ok(labels) = features.labels.classes() else {
        return Judged { top_1: f64::NAN, loss: f64::NAN };
    };
    let bias = &point[classes * len..];
    let rows: Vec<usize> = (0..features.len()).collect();
    let blocks: Vec<(f64, f64)> = rows
        .par_chunks(BLOCK)
        .map(|block| {
            let centred = |(i, j): (usize, usize)| f64::from(features.row(block[i])[j]) - mean[j];
            let wide = Array2::from_shape_fn((block.len(), len), centred);
            let mut scores = Array2::from_shape_fn((block.len(), classes), |(_, class)| bias[class]);
            general_mat_mul(1.0, &wide, &weight.t(), 1.0, &mut scores);
            let judged =
                scores.rows().into_iter().zip(block).map(|(row, &i)| judge_row(&row.to_vec(), labels[i]));
            judged.fold((0.0, 0.0), |(hits, loss), (hit, l)| (hits + hit, loss + l))
        })
        .collect();
    // Summed in order, so that the result does not depend on the number of threads.
    let (hits, loss) = blocks.into_iter().fold((0.0, 0.0), |sum, block| (sum.0 + block.0, sum.1 + block.1));
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let count = features.len() as f64;
    Judged { top_1: 100.0 * hits / count, loss: loss / count }
}

/// One if the label's score is the first highest, and the cross-entropy.
fn judge_row(scores: &[f64], label: usize) -> (f64, f64) {
    let most = scores.iter().fold(f64::NEG_INFINITY, |most, &s| most.max(s));
    let is_hit = scores.iter().position(|&s| s == most) == Some(label);
    let all: f64 = scores.iter().map(|s| (s - most).exp()).sum();
    (if is_hit { 1.0 } else { 0.0 }, all.ln() + most - scores[label])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;

    #[test]
    fn hits_and_loss_of_known_scores() {
        assert_eq!(judge_row(&[0.0, 0.0], 0), (1.0, 2.0_f64.ln()));
        assert_eq!(judge_row(&[0.0, 0.0], 1), (0.0, 2.0_f64.ln()));
        let (hit, loss) = judge_row(&[1.0, 1001.0, 0.0], 1);
        assert!(hit == 1.0 && loss < 1e-12);
        let features =
            Features { embedding_len: 1, embeddings: vec![3.0, 1.0], labels: Labels::Classes(vec![0, 0]) };
        // Centred by 2: scores (±1·x, 0).
        let judged = judge(&[1.0, 0.0, 0.0, 0.0], &features, 2, &[2.0]);
        let expected = ((1.0_f64 + (-1.0_f64).exp()).ln() + (1.0 + 1.0_f64.exp()).ln()) / 2.0;
        assert!((judged.top_1 - 50.0).abs() < 1e-12 && (judged.loss - expected).abs() < 1e-12);
    }
}
