//! How far an 8-bit encoder's embeddings are from the float encoder's.

use rayon::prelude::*;

use crate::Embedding;

/// Neighbours that are compared.
const NEIGHBOURS: usize = 10;

/// How two encoders' embeddings of the same pictures agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Mean cosine between a picture's two embeddings.
    pub cosine: f64,
    /// The least such cosine.
    pub cosine_min: f64,
    /// Share of a picture's ten nearest others by the first encoder that are among its ten by the second, on average.
    pub recall_at_10: f64,
}

impl Agreement {
    /// Compares two embeddings of each of some pictures; NaN where there is none.
    #[expect(clippy::cast_precision_loss, reason = "counts of pictures")]
    pub fn of(first: &[Embedding], second: &[Embedding]) -> Self {
        let unit = |rows: &[Embedding]| rows.iter().map(Embedding::normalised).collect::<Vec<_>>();
        let (first, second) = (unit(first), unit(second));
        let cosines: Vec<f64> = first.iter().zip(&second).map(|(a, b)| dot(a, b)).collect();
        let shared = |row: usize| {
            let (ours, theirs) = (nearest(&first, row), nearest(&second, row));
            ours.iter().filter(|i| theirs.contains(i)).count() as f64 / ours.len().max(1) as f64
        };
        let recalls: Vec<f64> = (0..first.len()).into_par_iter().map(shared).collect();
        let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
        Self {
            cosine: mean(&cosines),
            cosine_min: cosines.iter().copied().fold(f64::NAN, f64::min),
            recall_at_10: mean(&recalls),
        }
    }
}

/// The rows most like row `row`, without itself.
fn nearest(rows: &[Embedding], row: usize) -> Vec<usize> {
    let mut others: Vec<(f64, usize)> =
        (0..rows.len()).filter(|&i| i != row).map(|i| (dot(&rows[row], &rows[i]), i)).collect();
    others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    others.into_iter().take(NEIGHBOURS).map(|(_, i)| i).collect()
}

fn dot(a: &Embedding, b: &Embedding) -> f64 {
    a.as_slice().iter().zip(b.as_slice()).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(numbers: &[[f32; 2]]) -> Vec<Embedding> {
        numbers.iter().map(|row| Embedding::new(row.to_vec()).unwrap()).collect()
    }

    #[test]
    fn equal_embeddings_agree_and_turned_ones_do_not() {
        let circle: Vec<[f32; 2]> = (0..40_u8).map(|i| (f32::from(i) / 7.0).sin_cos().into()).collect();
        let same = Agreement::of(&rows(&circle), &rows(&circle));
        assert!((same.cosine - 1.0).abs() < 1e-6 && same.recall_at_10 == 1.0, "{same:?}");
        let turned: Vec<[f32; 2]> = circle.iter().map(|[x, y]| [-y * 3.0, x * 3.0]).collect();
        let turned = Agreement::of(&rows(&circle), &rows(&turned));
        assert!(turned.cosine.abs() < 1e-6 && turned.recall_at_10 > 0.9, "{turned:?}");
        let shuffled: Vec<[f32; 2]> = (0..40).map(|i| circle[i * 17 % 40]).collect();
        assert!(Agreement::of(&rows(&circle), &rows(&shuffled)).recall_at_10 < 0.9);
    }
}
