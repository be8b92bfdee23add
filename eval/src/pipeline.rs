//! Samples in, embeddings out: decode, prepare and embed with the very functions the server uses.
//!
//! Pictures are decoded and prepared on all cores while the encoders work, each on a batch of its own; few batches wait, so
//! memory does not grow with the dataset. Order is kept. Whether a broken picture matters is the receiver's business.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use simclr_datasets::{DatasetError, Sample};
use simclr_models::{EncodeError, Encoder, ImageBatch, Limits, Picture, Recipe};

use crate::{Encoders, EvalError};

/// Batches prepared ahead of each encoder.
const AHEAD: usize = 2;
/// Floats in a batch at most, about: 16 MiB.
const BATCH_FLOATS: usize = 4 << 20;
/// Pictures in a batch at most. More are not embedded faster, and leave an encoder idle for longer at the end.
const BATCH_MAX: usize = 64;

/// Samples and how they are read and prepared.
pub(crate) struct Pictures<'a, S> {
    pub(crate) samples: &'a [S],
    pub(crate) recipe: &'a Recipe,
    pub(crate) limits: &'a Limits,
}

/// What became of one batch of samples.
pub(crate) struct Embedded<N> {
    /// Which samples.
    pub(crate) range: Range<usize>,
    /// Embeddings of those that could be read, row-major, in order.
    pub(crate) embeddings: Vec<f32>,
    /// What was noted of those.
    pub(crate) notes: Vec<N>,
    /// The others, by their place among all samples.
    pub(crate) broken: Vec<(usize, DatasetError)>,
}

/// Pictures in a batch.
pub(crate) fn batch_len(recipe: &Recipe) -> usize {
    let side = recipe.side as usize;
    (BATCH_FLOATS / (3 * side * side)).clamp(8, BATCH_MAX)
}

/// `whole` in pieces of at most `len`.
pub(crate) fn ranges(whole: Range<usize>, len: usize) -> Vec<Range<usize>> {
    whole.clone().step_by(len.max(1)).map(|start| start..(start + len).min(whole.end)).collect()
}

/// Embeds the named batches, and hands each to `each` in order, with what `note` says of its sound pictures.
///
/// # Errors
/// What an encoder or `each` says.
pub(crate) fn embed_ranges<S: Borrow<Sample> + Sync, N: Send>(
    encoders: &mut Encoders,
    pictures: &Pictures<'_, S>,
    batches: &[Range<usize>],
    note: &(impl Fn(&Picture) -> N + Sync),
    each: &mut dyn FnMut(Embedded<N>) -> Result<(), EvalError>,
) -> Result<(), EvalError> {
    std::thread::scope(|scope| {
        let (prepared_to, prepared) = sync_channel(AHEAD * encoders.len());
        let (embedded_to, embedded) = channel();
        scope.spawn(move || prepare_all(pictures, batches, note, &prepared_to));
        // The last encoder that stops takes the receiver along, so that nobody prepares for none.
        let prepared = Arc::new(Mutex::new(prepared));
        for encoder in encoders.iter_mut() {
            let (from, to) = (Arc::clone(&prepared), embedded_to.clone());
            scope.spawn(move || embed_all(encoder.as_mut(), &from, &to));
        }
        drop((prepared, embedded_to));
        in_order(embedded, each)
    })
}

struct Prepared<N> {
    place: usize,
    images: ImageBatch,
    /// All but the embeddings.
    rest: Embedded<N>,
}

type Outcome<N> = Result<(usize, Embedded<N>), EncodeError>;

fn prepare_all<S: Borrow<Sample> + Sync, N: Send>(
    pictures: &Pictures<'_, S>,
    batches: &[Range<usize>],
    note: &(impl Fn(&Picture) -> N + Sync),
    to: &SyncSender<Prepared<N>>,
) {
    let Pictures { samples, recipe, limits } = *pictures;
    let read =
        |sample: &S| sample.borrow().load(limits).map(|picture| (note(&picture), recipe.prepare(&picture)));
    for (place, range) in batches.iter().enumerate() {
        let read: Vec<_> = samples[range.clone()].par_iter().map(read).collect();
        let mut rest =
            Embedded { range: range.clone(), embeddings: Vec::new(), notes: Vec::new(), broken: Vec::new() };
        let mut sound = Vec::with_capacity(read.len());
        for (place, picture) in range.clone().zip(read) {
            match picture {
                Ok((note, picture)) => {
                    rest.notes.push(note);
                    sound.push(picture);
                }
                Err(error) => rest.broken.push((place, error)),
            }
        }
        let images = ImageBatch::from_prepared(recipe.side as usize, sound);
        // A closed channel means that every encoder has stopped and nobody listens any more.
        if to.send(Prepared { place, images, rest }).is_err() {
            return;
        }
    }
}

/// Embeds one batch after the other until there is none, one fails, or nobody listens any more.
fn embed_all<N>(encoder: &mut dyn Encoder, from: &Mutex<Receiver<Prepared<N>>>, to: &Sender<Outcome<N>>) {
    // Who waits for a batch keeps the others waiting for the next; nobody waits for who embeds.
    let next = || from.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(Prepared { place, images, rest }) = next() {
        let outcome = encoder.embed(&images).map(|rows| {
            let numbers = rows.iter().flat_map(simclr_models::Embedding::as_slice);
            (place, Embedded { embeddings: numbers.copied().collect(), ..rest })
        });
        let has_failed = outcome.is_err();
        if to.send(outcome).is_err() || has_failed {
            return;
        }
    }
}

/// Hands over what is embedded in the order in which it was asked for.
fn in_order<N>(
    embedded: Receiver<Outcome<N>>,
    each: &mut dyn FnMut(Embedded<N>) -> Result<(), EvalError>,
) -> Result<(), EvalError> {
    let (mut early, mut next) = (BTreeMap::new(), 0);
    for outcome in embedded {
        let (place, batch) = outcome?;
        early.insert(place, batch);
        while let Some(batch) = early.remove(&next) {
            each(batch)?;
            next += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
