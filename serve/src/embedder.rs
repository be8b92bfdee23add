//! Encoded bytes → `Picture` → `Recipe::prepare` → a run of the encoder → `Embedding`, for one request's pictures.
//!
//! Places in the queue are taken before anything is decoded. Decoding and resizing run on a bounded number of threads
//! beside the sessions; whoever drops the future gives everything back. Knows no HTTP.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use simclr_models::{Embedding, Encoder, Limits as PictureLimits, Picture, PictureError, Recipe};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::batching::{BatchError, BatchLimits, Batcher, Slot};
use crate::config::Config;
use crate::metrics::Metrics;

/// Turns a request's pictures into embeddings, in order.
pub(crate) struct Embedder {
    preparer: Arc<Preparer>,
    batcher: Batcher,
}

/// What came of a request's pictures.
#[derive(Debug)]
pub(crate) struct Embedded {
    /// One a picture, in order.
    pub(crate) embeddings: Vec<Embedding>,
    /// Pixels decoded.
    pub(crate) pixels: u64,
}

/// Why a request's pictures were not embedded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbedError {
    /// Send another picture in its place.
    #[error("{reason}")]
    Picture {
        /// Which of the request's pictures.
        index: usize,
        /// What is wrong with it.
        reason: PictureError,
    },
    /// Send another picture in its place; the decoder itself stumbled over this one.
    #[error("the decoder gave up on this picture")]
    Undecodable {
        /// Which of the request's pictures.
        index: usize,
    },
    /// The queue or the encoder.
    #[error("{reason}")]
    Batch {
        /// Which of the request's pictures; nothing when it concerns them all.
        index: Option<usize>,
        /// What happened.
        reason: BatchError,
    },
}

impl Embedder {
    pub(crate) fn start(
        config: &Config,
        recipe: Recipe,
        encoders: Vec<Box<dyn Encoder>>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let limits = BatchLimits {
            queue_pictures_max: config.limits.queue_pictures_max,
            batch_pictures_max: config.limits.batch_pictures_max,
            batch_wait: config.batch_wait,
        };
        let batcher = Batcher::start(encoders, recipe.side as usize, limits, Arc::clone(&metrics))?;
        let limits = PictureLimits {
            bytes_max: config.limits.picture_bytes_max,
            pixels_max: config.limits.picture_pixels_max,
        };
        let room = Arc::new(Semaphore::new(config.decode_threads));
        let preparer = Arc::new(Preparer { recipe, limits, room, metrics });
        Ok(Self { preparer, batcher })
    }

    pub(crate) fn batcher(&self) -> &Batcher {
        &self.batcher
    }

    /// Embeds the pictures; the first that fails fails them all.
    pub(crate) async fn embed(&self, pictures: Vec<Bytes>) -> Result<Embedded, EmbedError> {
        let slots =
            self.batcher.admit(pictures.len()).map_err(|reason| EmbedError::Batch { index: None, reason })?;
        let mut embeddings: Vec<Option<Embedding>> = vec![None; pictures.len()];
        let mut pixels = 0;
        // Dropping the set, when a picture fails or the caller leaves, drops the answers, and so the queued work.
        let mut tasks = JoinSet::new();
        for (index, (bytes, slot)) in pictures.into_iter().zip(slots).enumerate() {
            let preparer = Arc::clone(&self.preparer);
            tasks.spawn(async move { (index, one(preparer, index, bytes, slot).await) });
        }
        while let Some(joined) = tasks.join_next().await {
            let Ok((index, result)) = joined else {
                return Err(stopped(None));
            };
            let (embedding, count) = result?;
            pixels += count;
            embeddings[index] = Some(embedding);
        }
        Ok(Embedded { embeddings: embeddings.into_iter().flatten().collect(), pixels })
    }
}

async fn one(
    preparer: Arc<Preparer>,
    index: usize,
    bytes: Bytes,
    slot: Slot,
) -> Result<(Embedding, u64), EmbedError> {
    let Ok(room) = Arc::clone(&preparer.room).acquire_owned().await else {
        return Err(stopped(Some(index)));
    };
    // Permit and slot travel with the work: a thread that still decodes for a caller who left counts as busy.
    let work = tokio::task::spawn_blocking(move || {
        let prepared = preparer.prepare(&bytes);
        drop(room);
        prepared.map(|(numbers, pixels)| (slot.submit(numbers), pixels))
    });
    let (answer, pixels) = match work.await {
        Ok(result) => result.map_err(|reason| EmbedError::Picture { index, reason })?,
        Err(_) => return Err(EmbedError::Undecodable { index }),
    };
    match answer.await {
        Ok(Ok(embedding)) => Ok((embedding, pixels)),
        Ok(Err(reason)) => Err(EmbedError::Batch { index: Some(index), reason }),
        Err(_) => Err(stopped(Some(index))),
    }
}

fn stopped(index: Option<usize>) -> EmbedError {
    EmbedError::Batch { index, reason: BatchError::Stopping }
}

struct Preparer {
    recipe: Recipe,
    limits: PictureLimits,
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Preparer {
    fn prepare(&self, bytes: &[u8]) -> Result<(Vec<f32>, u64), PictureError> {
        let started = Instant::now();
        let picture = Picture::decode(bytes, &self.limits)?;
        let prepared = self.recipe.prepare(&picture);
        self.metrics.prepared(started.elapsed());
        Ok((prepared, u64::from(picture.width()) * u64::from(picture.height())))
    }
}
