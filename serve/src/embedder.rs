//! Encoded bytes → `Picture` → `Recipe::prepare` → a run of the encoder → `Embedding`, for one request's pictures.
//!
//! Places in the queue are taken before anything is decoded. Decoding and resizing run on a bounded number of threads
//! beside the sessions; whoever drops the future gives everything back. Knows no HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use simclr_models::{Embedding, Encoder, Limits as PictureLimits, Picture, PictureError, Recipe};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::batching::{Answered, BatchError, BatchLimits, Batcher, Slot};
use crate::config::Config;
use crate::fetching::FetchError;
use crate::metrics::Metrics;
use crate::spans;

/// Turns a request's pictures into embeddings, in order.
pub(crate) struct Embedder {
    preparer: Arc<Preparer>,
    batcher: Batcher,
}

/// One of a request's pictures.
pub(crate) enum Input {
    /// A file's bytes.
    Encoded(Bytes),
    /// 3 × side × side floats that the caller prepared as the recipe says.
    Prepared(Vec<f32>),
    /// A picture whose address brought nothing.
    Unfetched(FetchError),
}

/// What a picture that cannot be used does to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnError {
    /// It fails the request.
    Fail,
    /// It is left out.
    Skip,
}

/// What came of a request's pictures.
#[derive(Debug, Default)]
pub(crate) struct Embedded {
    /// One a picture that was kept, in order.
    pub(crate) embeddings: Vec<Embedding>,
    /// Which pictures were kept.
    pub(crate) kept: Vec<usize>,
    /// Why the others were not.
    pub(crate) skipped: Vec<EmbedError>,
    /// Pixels decoded.
    pub(crate) pixels: u64,
    /// What the slowest picture took.
    pub(crate) timing: Timing,
}

/// Where a request's time went.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) prepare: Duration,
    pub(crate) queue: Duration,
    pub(crate) inference: Duration,
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
    /// Send the picture itself.
    #[error("{reason}")]
    Unfetched {
        /// Which of the request's pictures.
        index: usize,
        /// What came of its address.
        reason: FetchError,
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

impl EmbedError {
    /// The picture whose own fault it is.
    pub(crate) fn culprit(&self) -> Option<usize> {
        match self {
            Self::Picture { index, .. } | Self::Unfetched { index, .. } | Self::Undecodable { index } => {
                Some(*index)
            }
            Self::Batch { index, reason: BatchError::NotFinite } => *index,
            Self::Batch { .. } => None,
        }
    }
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

    /// Embeds the pictures, all or those that can be.
    pub(crate) async fn embed(&self, inputs: Vec<Input>, on_error: OnError) -> Result<Embedded, EmbedError> {
        let slots =
            self.batcher.admit(inputs.len()).map_err(|reason| EmbedError::Batch { index: None, reason })?;
        let mut results: Vec<Option<One>> = Vec::new();
        results.resize_with(inputs.len(), || None);
        let mut embedded = Embedded::default();
        // Dropping the set, when a picture fails or the caller leaves, drops the answers, and so the queued work.
        let mut tasks = JoinSet::new();
        for (index, (input, slot)) in inputs.into_iter().zip(slots).enumerate() {
            let preparer = Arc::clone(&self.preparer);
            let work = async move { (index, one(preparer, index, input, slot).await) };
            tasks.spawn(work.in_current_span());
        }
        while let Some(joined) = tasks.join_next().await {
            let Ok((index, result)) = joined else {
                return Err(stopped(None));
            };
            match result {
                Ok(one) => results[index] = Some(one),
                Err(error) if on_error == OnError::Skip && error.culprit().is_some() => {
                    embedded.skipped.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        embedded.skipped.sort_by_key(EmbedError::culprit);
        for (index, one) in results.into_iter().enumerate() {
            if let Some(one) = one {
                embedded.keep(index, one);
            }
        }
        Ok(embedded)
    }
}

impl Embedded {
    fn keep(&mut self, index: usize, one: One) {
        self.kept.push(index);
        self.pixels += one.pixels;
        self.timing.prepare = self.timing.prepare.max(one.prepare);
        self.timing.queue = self.timing.queue.max(one.answered.queued);
        self.timing.inference = self.timing.inference.max(one.answered.ran);
        self.embeddings.push(one.answered.embedding);
    }
}

/// What came of one picture.
struct One {
    answered: Answered,
    pixels: u64,
    prepare: Duration,
}

async fn one(preparer: Arc<Preparer>, index: usize, input: Input, slot: Slot) -> Result<One, EmbedError> {
    let (answer, pixels, prepare) = match input {
        Input::Unfetched(reason) => return Err(EmbedError::Unfetched { index, reason }),
        Input::Prepared(numbers) => (slot.submit(numbers), 0, Duration::ZERO),
        Input::Encoded(bytes) => {
            let Ok(room) = Arc::clone(&preparer.room).acquire_owned().await else {
                return Err(stopped(Some(index)));
            };
            // Permit and slot travel with the work: a thread that still decodes for a caller who left counts as busy.
            let span = spans::step!("prepare");
            let work = tokio::task::spawn_blocking(move || {
                let _step = span.entered();
                let prepared = preparer.prepare(&bytes);
                drop(room);
                prepared.map(|(numbers, pixels, took)| (slot.submit(numbers), pixels, took))
            });
            match work.await {
                Ok(result) => result.map_err(|reason| EmbedError::Picture { index, reason })?,
                Err(_) => return Err(EmbedError::Undecodable { index }),
            }
        }
    };
    match answer.instrument(spans::step!("embed")).await {
        Ok(Ok(answered)) => Ok(One { answered, pixels, prepare }),
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
    fn prepare(&self, bytes: &[u8]) -> Result<(Vec<f32>, u64, Duration), PictureError> {
        let started = Instant::now();
        let picture = Picture::decode(bytes, &self.limits)?;
        let prepared = self.recipe.prepare(&picture);
        let took = started.elapsed();
        self.metrics.prepared(took);
        Ok((prepared, u64::from(picture.width()) * u64::from(picture.height()), took))
    }
}
