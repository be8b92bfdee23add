//! Many waiting pictures → one run of the encoder → answers back to whoever asked.
//!
//! One bounded queue, counted in pictures: a request takes a [`Slot`] for each of its pictures, all or none, before it
//! decodes anything; a slot given a prepared picture becomes a job; session threads, each owning an [`Encoder`], take
//! jobs in order of arrival. A slot or an answer that is dropped gives its place back, so callers who left cost nothing.
//! Knows neither HTTP nor how a picture is prepared.

mod queue;
mod session;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use simclr_models::{Embedding, Encoder};
use tokio::sync::oneshot;

use crate::metrics::Metrics;
use queue::{Job, Shared};

/// The named limits of the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    /// Pictures admitted and not yet taken by a session.
    pub(crate) queue_pictures_max: usize,
    /// Pictures in one run.
    pub(crate) batch_pictures_max: usize,
    /// How long a run that could be larger waits for pictures still being prepared.
    pub(crate) batch_wait: Duration,
    /// A run expected to take longer leaves part of what waits to the next one.
    pub(crate) run_short: Duration,
    /// How often an encoder that kept failing is tried without being asked.
    pub(crate) look_again: Duration,
}

/// Why a picture was not embedded.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub(crate) enum BatchError {
    /// Come back after `retry_after`.
    #[error("the queue has room for {room} more pictures and the request brings {asked}; try again later")]
    Full {
        /// Pictures the request brings.
        asked: usize,
        /// Pictures it could have brought.
        room: usize,
        /// When the queue is expected to be empty.
        retry_after: Duration,
    },
    /// The server is stopping: ask another.
    #[error("the server is stopping")]
    Stopping,
    /// This picture's embedding overflowed; others are unharmed.
    #[error("the picture's embedding holds NaN or infinity")]
    NotFinite,
    /// The run failed; the reason is for the log.
    #[error("the encoder failed: {0}")]
    Failed(String),
}

/// What runs the pictures.
pub(crate) struct Sessions {
    /// One for each thread that takes from the queue.
    pub(crate) side_by_side: Vec<Box<dyn Encoder>>,
    /// With all cores, for a picture that comes alone.
    pub(crate) lone: Option<Box<dyn Encoder>>,
}

/// The queue and the threads that empty it.
pub(crate) struct Batcher {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Batcher {
    /// Starts one thread for each of the sessions side by side.
    pub(crate) fn start(
        sessions: Sessions,
        side: usize,
        limits: BatchLimits,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let Sessions { side_by_side: encoders, lone } = sessions;
        let shared = Arc::new(Shared::new(side, limits, encoders.len(), lone, metrics));
        let mut threads = Vec::with_capacity(encoders.len());
        for (index, encoder) in encoders.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let builder = std::thread::Builder::new().name(format!("session-{index}"));
            threads.push(builder.spawn(move || session::work(&shared, encoder))?);
        }
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Takes places for `pictures` pictures, all or none.
    pub(crate) fn admit(&self, pictures: usize) -> Result<Vec<Slot>, BatchError> {
        self.shared.admit(pictures)?;
        Ok((0..pictures).map(|_| Slot { shared: Some(Arc::clone(&self.shared)) }).collect())
    }

    /// Pictures admitted and not yet taken by a session.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.waiting()
    }

    /// Whether the last runs failed, one after another.
    pub(crate) fn keeps_failing(&self) -> bool {
        self.shared.keeps_failing()
    }

    /// Refuses new pictures; those admitted are still answered.
    pub(crate) fn close(&self) {
        self.shared.close();
    }

    /// Closes and waits until the threads have answered everyone; blocks.
    pub(crate) fn join(&self) {
        self.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A session catches its encoder's panics; one that died anyway has nothing left to answer.
            let _ = thread.join();
        }
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.close();
    }
}

/// A picture's place in the queue, taken before it is decoded; dropping it gives the place back.
pub(crate) struct Slot {
    shared: Option<Arc<Shared>>,
}

/// Where a picture's embedding arrives; dropping it tells the sessions that the caller left.
pub(crate) type Answer = oneshot::Receiver<Result<Answered, BatchError>>;

/// A picture's embedding and what it took.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    pub(crate) embedding: Embedding,
    /// Prepared, waiting for a run.
    pub(crate) queued: Duration,
    /// The run.
    pub(crate) ran: Duration,
}

impl Slot {
    /// Hands over the prepared picture.
    pub(crate) fn submit(mut self, prepared: Vec<f32>) -> Answer {
        let (sender, answer) = oneshot::channel();
        if let Some(shared) = self.shared.take() {
            shared.push(Job { prepared, answer: sender, since: Instant::now(), queued: Duration::ZERO });
        }
        answer
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.give_back();
        }
    }
}
