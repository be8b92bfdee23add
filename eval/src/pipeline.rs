//! Samples in, embeddings out: decode, prepare and embed with the very functions the server uses.
//!
//! Pictures are decoded and prepared on all cores while the encoder works; at most [`AHEAD`] batches wait, so memory does
//! not grow with the dataset. Order is kept. Whether a broken picture matters is the receiver's business.

use std::ops::Range;
use std::sync::mpsc::{SyncSender, sync_channel};

use rayon::prelude::*;
use simclr_datasets::{DatasetError, Sample};
use simclr_models::{Encoder, ImageBatch, Limits, Recipe};

use crate::EvalError;

/// Batches prepared ahead of the encoder.
const AHEAD: usize = 2;
/// Floats in a batch at most, about: 16 MiB.
const BATCH_FLOATS: usize = 4 << 20;

/// What became of one batch of samples.
pub(crate) struct Embedded {
    /// Which samples.
    pub(crate) range: Range<usize>,
    /// Embeddings of those that could be read, row-major, in order.
    pub(crate) embeddings: Vec<f32>,
    /// The others, by their place among all samples.
    pub(crate) broken: Vec<(usize, DatasetError)>,
}

/// Pictures in a batch.
pub(crate) fn batch_len(recipe: &Recipe) -> usize {
    let side = recipe.side as usize;
    (BATCH_FLOATS / (3 * side * side)).clamp(8, 256)
}

/// `whole` in pieces of at most `len`.
pub(crate) fn ranges(whole: Range<usize>, len: usize) -> Vec<Range<usize>> {
    whole.clone().step_by(len.max(1)).map(|start| start..(start + len).min(whole.end)).collect()
}

/// Embeds the named batches of `samples`, and hands each to `each` in order.
///
/// # Errors
/// What the encoder or `each` says.
pub(crate) fn embed_ranges(
    encoder: &mut dyn Encoder,
    recipe: &Recipe,
    samples: &[Sample],
    batches: Vec<Range<usize>>,
    limits: &Limits,
    each: &mut dyn FnMut(Embedded) -> Result<(), EvalError>,
) -> Result<(), EvalError> {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(AHEAD);
        scope.spawn(move || prepare_all(recipe, samples, batches, limits, &sender));
        for Prepared { range, images, broken } in receiver {
            let rows = encoder.embed(&images)?;
            let embeddings = rows.iter().flat_map(simclr_models::Embedding::as_slice).copied().collect();
            each(Embedded { range, embeddings, broken })?;
        }
        Ok(())
    })
}

struct Prepared {
    range: Range<usize>,
    images: ImageBatch,
    broken: Vec<(usize, DatasetError)>,
}

fn prepare_all(
    recipe: &Recipe,
    samples: &[Sample],
    batches: Vec<Range<usize>>,
    limits: &Limits,
    sender: &SyncSender<Prepared>,
) {
    for range in batches {
        let pictures: Vec<_> = samples[range.clone()]
            .par_iter()
            .map(|sample| sample.load(limits).map(|p| recipe.prepare(&p)))
            .collect();
        let (mut sound, mut broken) = (Vec::with_capacity(pictures.len()), Vec::new());
        for (place, picture) in range.clone().zip(pictures) {
            match picture {
                Ok(picture) => sound.push(picture),
                Err(error) => broken.push((place, error)),
            }
        }
        let images = ImageBatch::from_prepared(recipe.side as usize, sound);
        // A closed channel means that the encoder has failed and nobody listens any more.
        if sender.send(Prepared { range, images, broken }).is_err() {
            return;
        }
    }
}
