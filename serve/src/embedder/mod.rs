//! Encoded bytes → a prepared picture → a run of the encoder → `Embedding`, for one request's pictures.
//!
//! Places in the queue are taken before anything is fetched or decoded; whoever drops the future gives everything back.
//! Knows no HTTP of ours.

mod error;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use simclr_models::{Embedding, Recipe};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::batching::{Answered, BatchError, BatchLimits, Batcher, Sessions, Slot};
use crate::config::Config;
use crate::fetching::{FetchError, Fetcher};
use crate::metrics::Metrics;
use crate::preparing::{Preparer, Submitted};
use crate::spans;
pub(crate) use error::{EmbedError, Unreadable};

/// What one more in the queue does not feel; a few pictures of a small encoder, less than one of a large one.
const RUN_SHORT: Duration = Duration::from_millis(2);
/// Between two looks at an encoder that kept failing.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

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
    /// A file to be fetched from an address, once there is a place in the queue for it.
    Elsewhere(Arc<Fetcher>, String),
    /// A picture whose address is not asked.
    Unfetched(FetchError),
    /// A text that names no picture.
    Unreadable(Unreadable),
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

impl Embedder {
    pub(crate) fn start(
        config: &Config,
        recipe: Recipe,
        sessions: Sessions,
        decoding: Arc<Semaphore>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let limits = BatchLimits {
            queue_pictures_max: config.limits.queue_pictures_max,
            batch_pictures_max: config.limits.batch_pictures_max,
            batch_wait: config.batch_wait,
            run_short: RUN_SHORT,
            look_again: LOOK_AGAIN,
        };
        let batcher = Batcher::start(sessions, recipe.side as usize, limits, Arc::clone(&metrics))?;
        let preparer = Arc::new(Preparer::new(config, recipe, decoding, metrics));
        Ok(Self { preparer, batcher })
    }

    pub(crate) fn batcher(&self) -> &Batcher {
        &self.batcher
    }

    /// Embeds the pictures, all or those that can be.
    pub(crate) async fn embed(&self, inputs: Vec<Input>, on_error: OnError) -> Result<Embedded, EmbedError> {
        if on_error == OnError::Fail {
            check_readable(&inputs)?;
        }
        let slots =
            self.batcher.admit(inputs.len()).map_err(|reason| EmbedError::Batch { index: None, reason })?;
        let mut results = Results::new(inputs.len(), on_error);
        let work = inputs.into_iter().zip(slots).enumerate();
        let work = work.map(|(index, (input, slot))| {
            let preparer = Arc::clone(&self.preparer);
            async move { (index, one(preparer, index, input, slot).await) }.in_current_span()
        });
        if work.len() == 1 {
            // A task of its own would only cost a lone picture time.
            for alone in work {
                let (index, result) = alone.await;
                results.take(index, result)?;
            }
            return Ok(results.into_embedded());
        }
        // Dropping the set, when a picture fails or the caller leaves, drops the answers, and so the queued work.
        let mut tasks: JoinSet<_> = work.collect();
        while let Some(joined) = tasks.join_next().await {
            let Ok((index, result)) = joined else {
                return Err(stopped(None));
            };
            results.take(index, result)?;
        }
        Ok(results.into_embedded())
    }
}

/// What came of some of a request's pictures so far.
struct Results {
    ones: Vec<Option<One>>,
    skipped: Vec<EmbedError>,
    on_error: OnError,
}

impl Results {
    fn new(pictures: usize, on_error: OnError) -> Self {
        Self { ones: std::iter::repeat_with(|| None).take(pictures).collect(), skipped: vec![], on_error }
    }

    fn take(&mut self, index: usize, result: Result<One, EmbedError>) -> Result<(), EmbedError> {
        match result {
            Ok(one) => self.ones[index] = Some(one),
            Err(error) if self.on_error == OnError::Skip && error.culprit().is_some() => {
                self.skipped.push(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn into_embedded(mut self) -> Embedded {
        self.skipped.sort_by_key(EmbedError::culprit);
        let mut embedded = Embedded { skipped: self.skipped, ..Embedded::default() };
        for (index, one) in self.ones.into_iter().enumerate() {
            if let Some(one) = one {
                embedded.keep(index, one);
            }
        }
        embedded
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

/// A request that will fail takes no place.
fn check_readable(inputs: &[Input]) -> Result<(), EmbedError> {
    let broken = |(index, input): (usize, &Input)| match input {
        Input::Unreadable(reason) => Some(EmbedError::Unreadable { index, reason: reason.clone() }),
        _ => None,
    };
    inputs.iter().enumerate().find_map(broken).map_or(Ok(()), Err)
}

async fn one(preparer: Arc<Preparer>, index: usize, input: Input, slot: Slot) -> Result<One, EmbedError> {
    let (answer, pixels, prepare) = match input {
        Input::Unfetched(reason) => return Err(EmbedError::Unfetched { index, reason }),
        Input::Unreadable(reason) => return Err(EmbedError::Unreadable { index, reason }),
        Input::Prepared(numbers) => (slot.submit(numbers), 0, Duration::ZERO),
        Input::Encoded(bytes) => decoded(preparer, index, bytes, slot).await?,
        Input::Elsewhere(fetcher, address) => {
            let fetching = fetcher.fetch(&address).instrument(spans::step!("fetch"));
            let fetched = fetching.await.map_err(|reason| EmbedError::Unfetched { index, reason })?;
            // The fetch's place is given back with the bytes: no more of them are held than may be fetched at once.
            decoded(preparer, index, fetched.bytes, slot).await?
        }
    };
    match answer.instrument(spans::step!("embed")).await {
        Ok(Ok(answered)) => Ok(One { answered, pixels, prepare }),
        Ok(Err(reason)) => Err(EmbedError::Batch { index: Some(index), reason }),
        Err(_) => Err(stopped(Some(index))),
    }
}

async fn decoded(
    preparer: Arc<Preparer>,
    index: usize,
    bytes: Bytes,
    slot: Slot,
) -> Result<Submitted, EmbedError> {
    let submitted = match preparer.at_once(&bytes) {
        Some(prepared) => prepared.map(|prepared| prepared.submit(slot)),
        None => preparer.on_a_thread(bytes, slot).await.ok_or(EmbedError::Undecodable { index })?,
    };
    submitted.map_err(|reason| EmbedError::Picture { index, reason })
}

fn stopped(index: Option<usize>) -> EmbedError {
    EmbedError::Batch { index, reason: BatchError::Stopping }
}
