//! Samples in, [`Features`] out: decode, prepare and embed with the very functions the server uses.
//!
//! Pictures are decoded and prepared on all cores while the encoder works; at most [`AHEAD`] batches wait, so memory does
//! not grow with the dataset. Order is kept. Knows nothing of classifiers.

use std::sync::mpsc::{SyncSender, sync_channel};

use rayon::prelude::*;
use simclr_datasets::{DatasetError, Sample};
use simclr_models::{Encoder, ImageBatch, Limits, Recipe};

use crate::{EvalError, Labels};

/// Batches prepared ahead of the encoder.
const AHEAD: usize = 2;
/// Floats in a batch at most, about: 16 MiB.
const BATCH_FLOATS: usize = 4 << 20;

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
    encoder: &mut dyn Encoder,
    recipe: &Recipe,
    samples: &[Sample],
    limits: &Limits,
    progress: &mut dyn FnMut(usize),
) -> Result<Features, EvalError> {
    let embedding_len = encoder.embedding_len();
    let mut embeddings = Vec::with_capacity(samples.len() * embedding_len);
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(AHEAD);
        scope.spawn(move || prepare_all(recipe, samples, limits, &sender));
        for batch in receiver {
            for embedding in encoder.embed(&batch?)? {
                embeddings.extend_from_slice(embedding.as_slice());
            }
            progress(embeddings.len() / embedding_len);
        }
        Ok::<(), EvalError>(())
    })?;
    Ok(Features { embedding_len, embeddings, labels: Labels::of(samples)? })
}

fn prepare_all(
    recipe: &Recipe,
    samples: &[Sample],
    limits: &Limits,
    sender: &SyncSender<Result<ImageBatch, DatasetError>>,
) {
    let side = recipe.side as usize;
    let batch = (BATCH_FLOATS / (3 * side * side)).clamp(8, 256);
    for chunk in samples.chunks(batch) {
        let prepared: Result<Vec<_>, _> =
            chunk.par_iter().map(|sample| sample.load(limits).map(|p| recipe.prepare(&p))).collect();
        let failed = prepared.is_err();
        // A closed channel means that the encoder has failed and nobody listens any more.
        if sender.send(prepared.map(|p| ImageBatch::from_prepared(side, p))).is_err() || failed {
            return;
        }
    }
}
