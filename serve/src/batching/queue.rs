//! The queue between requests and sessions: who may enter, who goes next, how long it will take.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use simclr_models::Encoder;

use super::{Answered, BatchError, BatchLimits};
use crate::memory::give_back;
use crate::metrics::Metrics;

/// Without work for so long, the queue counts as idle.
const IDLE: Duration = Duration::from_secs(1);

/// One prepared picture and who waits for it.
pub(super) struct Job {
    pub(super) prepared: Vec<f32>,
    pub(super) answer: oneshot::Sender<Result<Answered, BatchError>>,
    pub(super) since: Instant,
    /// How long it waited for a run, once it is in one.
    pub(super) queued: Duration,
}

/// What a session runs next.
pub(super) struct Run {
    pub(super) jobs: Vec<Job>,
    /// One picture, when none waits and nothing runs.
    pub(super) alone: bool,
}

/// What requests and sessions share.
pub(super) struct Shared {
    pub(super) side: usize,
    pub(super) metrics: Arc<Metrics>,
    /// For a picture alone: whichever session takes it borrows this, which has all cores.
    pub(super) lone: Mutex<Option<Box<dyn Encoder>>>,
    limits: BatchLimits,
    sessions: usize,
    failures_in_a_row: AtomicU32,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Prepared, waiting for a session.
    jobs: VecDeque<Job>,
    /// Admitted, being prepared.
    coming: usize,
    /// Runs that have begun and not ended.
    running: usize,
    closed: bool,
    /// Whether anything ran since memory was given back.
    was_busy: bool,
    /// How long a session takes for one picture, smoothed over the last runs.
    seconds_per_picture: Option<f64>,
}

impl Shared {
    pub(super) fn new(
        side: usize,
        limits: BatchLimits,
        sessions: usize,
        lone: Option<Box<dyn Encoder>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            side,
            metrics,
            lone: Mutex::new(lone),
            limits,
            sessions: sessions.max(1),
            failures_in_a_row: AtomicU32::new(0),
            queue: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn admit(&self, pictures: usize) -> Result<(), BatchError> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(BatchError::Stopping);
        }
        let limit = self.limits.queue_pictures_max;
        if queue.waiting() + pictures > limit {
            queue.forget_callers_who_left();
        }
        if queue.waiting() + pictures > limit {
            let retry_after = queue.time_to_empty(self.sessions);
            return Err(BatchError::Full { asked: pictures, room: limit - queue.waiting(), retry_after });
        }
        queue.coming += pictures;
        Ok(())
    }

    pub(super) fn push(&self, job: Job) {
        let mut queue = self.lock();
        queue.coming -= 1;
        queue.jobs.push_back(job);
        drop(queue);
        // One more picture is work for one more session.
        self.changed.notify_one();
    }

    pub(super) fn give_back(&self) {
        let mut queue = self.lock();
        queue.coming -= 1;
        drop(queue);
        self.changed.notify_all();
    }

    /// The next run, in order of arrival, until it has [`Self::ended`]; nothing when the queue is closed and everyone is answered.
    pub(super) fn take(&self) -> Option<Run> {
        let mut queue = self.lock();
        loop {
            queue.forget_callers_who_left();
            let Some(first) = queue.jobs.front() else {
                if queue.closed && queue.coming == 0 {
                    return None;
                }
                queue = self.rest(queue);
                continue;
            };
            let patience = self.limits.batch_wait.saturating_sub(first.since.elapsed());
            // Nobody waits for company that is not on its way.
            let full = queue.jobs.len() >= self.limits.batch_pictures_max;
            if full || queue.coming == 0 || patience.is_zero() {
                break;
            }
            queue = self.changed.wait_timeout(queue, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.was_busy = true;
        let run = self.run_of(&queue);
        let jobs: Vec<Job> = queue.jobs.drain(..run).collect();
        if !queue.jobs.is_empty() {
            // This session may have been woken for what it leaves to another, who sleeps on.
            self.changed.notify_one();
        }
        let alone = jobs.len() == 1 && queue.waiting() == 0 && queue.running == 0;
        queue.running += 1;
        Some(Run { jobs, alone })
    }

    pub(super) fn ended(&self) {
        self.lock().running -= 1;
    }

    /// How many of the waiting pictures go into the next run.
    ///
    /// Sessions share what waits: what one takes beyond its part would wait for it while others rest. Of a part that takes
    /// longer than a glance it takes half, but for a pair, which costs hardly more than one: who came first is answered
    /// sooner, and under full load runs are still of a dozen pictures.
    fn run_of(&self, queue: &Queue) -> usize {
        let part = queue.jobs.len().div_ceil(self.sessions);
        let long =
            queue.seconds_per_picture.unwrap_or(0.0) * count(part) > self.limits.run_short.as_secs_f64();
        let run = if long && part > 2 { part.div_ceil(2) } else { part };
        run.min(self.limits.batch_pictures_max)
    }

    /// Waits for a change. After a burst of work, once nothing came for a while, memory is given back first, so that the most
    /// there ever was at once is not held for ever.
    fn rest<'a>(&'a self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        if !queue.was_busy {
            return self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self.changed.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
        let (mut queue, timeout) = waited;
        if timeout.timed_out() && queue.was_busy && queue.waiting() == 0 {
            queue.was_busy = false;
            drop(queue);
            give_back();
            queue = self.lock();
        }
        queue
    }

    /// Learns from a run how fast the queue empties and whether the encoder is well.
    pub(super) fn learn(&self, pictures: usize, took: Duration, failed: bool) {
        self.metrics.ran(pictures, took, failed);
        if failed {
            self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.failures_in_a_row.store(0, Ordering::Relaxed);
        let measured = took.as_secs_f64() / count(pictures.max(1));
        let mut queue = self.lock();
        let before = queue.seconds_per_picture.unwrap_or(measured);
        queue.seconds_per_picture = Some(before + 0.2 * (measured - before));
    }

    pub(super) fn waiting(&self) -> usize {
        let mut queue = self.lock();
        queue.forget_callers_who_left();
        queue.waiting()
    }

    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock, so a poisoned queue is still whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn waiting(&self) -> usize {
        self.coming + self.jobs.len()
    }

    fn forget_callers_who_left(&mut self) {
        self.jobs.retain(|job| !job.answer.is_closed());
    }

    /// From a second, for a queue that was never measured, to a minute, beyond which a guess is worth nothing.
    fn time_to_empty(&self, sessions: usize) -> Duration {
        let seconds = self.seconds_per_picture.unwrap_or(0.0) * count(self.waiting()) / count(sessions);
        Duration::from_secs_f64(seconds.clamp(1.0, 60.0))
    }
}

fn count(pictures: usize) -> f64 {
    f64::from(u32::try_from(pictures).unwrap_or(u32::MAX))
}
