//! Embeddings and labels of some samples, and [`extract`], which makes them where every picture must be sound.
//!
//! Knows nothing of classifiers, nor of where features are kept.

use simclr_datasets::Sample;
use simclr_models::{Limits, Recipe};

use crate::pipeline::{Pictures, batch_len, embed_ranges, ranges};
use crate::{Encoders, EvalError, Labels};

/// The embeddings and labels of some samples, in the samples' order.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Length of every embedding.
    pub embedding_len: usize,
    /// The embeddings, one row a sample.
    pub embeddings: Vec<f32>,
    /// The labels, one a sample.
    pub labels: Labels,
}

impl Features {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The embedding of one sample.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.embeddings[index * self.embedding_len..(index + 1) * self.embedding_len]
    }

    /// The named rows, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            embedding_len: self.embedding_len,
            embeddings: rows.iter().flat_map(|&i| self.row(i)).copied().collect(),
            labels: self.labels.select(rows),
        }
    }

    /// The mean embedding.
    pub fn mean(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.embedding_len];
        for row in self.embeddings.chunks_exact(self.embedding_len) {
            sum.iter_mut().zip(row).for_each(|(s, &x)| *s += f64::from(x));
        }
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        sum.iter_mut().for_each(|s| *s /= self.len().max(1) as f64);
        sum
    }

    /// Subtracts the same vector from every embedding.
    pub fn shift(&mut self, by: &[f64]) {
        for row in self.embeddings.chunks_exact_mut(self.embedding_len) {
            #[expect(clippy::cast_possible_truncation, reason = "back to the embeddings' own precision")]
            row.iter_mut().zip(by).for_each(|(x, b)| *x = (f64::from(*x) - b) as f32);
        }
    }
}

/// Embeds the samples; `progress` is told how many are done.
///
/// # Errors
/// The first picture that cannot be read, by name; what the encoder says; labels of two kinds.
pub fn extract(
    encoders: &mut Encoders,
    recipe: &Recipe,
    samples: &[Sample],
    limits: &Limits,
    progress: &mut dyn FnMut(usize),
) -> Result<Features, EvalError> {
    let embedding_len = encoders.embedding_len();
    let mut embeddings = Vec::with_capacity(samples.len() * embedding_len);
    let batches = ranges(0..samples.len(), batch_len(recipe));
    let pictures = Pictures { samples, recipe, limits };
    embed_ranges(encoders, &pictures, &batches, &|_| (), &mut |embedded| {
        if let Some((_, error)) = embedded.broken.into_iter().next() {
            return Err(error.into());
        }
        embeddings.extend_from_slice(&embedded.embeddings);
        progress(embedded.range.end);
        Ok(())
    })?;
    Ok(Features { embedding_len, embeddings, labels: Labels::of(samples)? })
}
