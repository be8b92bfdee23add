//! The queue between requests and sessions, shared by all of them: who may enter, who goes next, when a session sleeps.

mod waiting;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use simclr_models::Encoder;

use super::{BatchError, BatchLimits};
use crate::memory::give_back;
use crate::metrics::Metrics;
pub(super) use waiting::Job;
use waiting::Queue;

/// So many failed runs one after another, and the encoder is taken for sick.
const FAILURES: u32 = 3;
/// Without work for so long, the queue counts as idle.
const IDLE: Duration = Duration::from_secs(1);

/// What a session does next.
pub(super) enum Next {
    /// Runs these.
    Run {
        jobs: Vec<Job>,
        /// One picture, when none waits and nothing runs.
        alone: bool,
    },
    /// Looks whether the encoder that kept failing is well again: nobody asks a server that is not ready.
    Look,
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
    pub(super) fn take(&self) -> Option<Next> {
        let mut queue = self.lock();
        loop {
            queue.forget_callers_who_left();
            let Some(first) = queue.jobs.front() else {
                if queue.closed && queue.coming == 0 {
                    return None;
                }
                let (rested, nothing_came) = self.rest(queue);
                queue = rested;
                if nothing_came && queue.waiting() == 0 && self.keeps_failing() {
                    return Some(Next::Look);
                }
                continue;
            };
            let patience = queue.patience(&self.limits).saturating_sub(first.since.elapsed());
            // Nobody waits for company that is not on its way.
            let full = queue.jobs.len() >= self.limits.batch_pictures_max;
            if full || queue.coming == 0 || patience.is_zero() {
                break;
            }
            queue = self.changed.wait_timeout(queue, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.was_busy = true;
        let run = queue.next_run(&self.limits, self.sessions);
        let jobs: Vec<Job> = queue.jobs.drain(..run).collect();
        if !queue.jobs.is_empty() {
            // This session may have been woken for what it leaves to another, who sleeps on.
            self.changed.notify_one();
        }
        let alone = jobs.len() == 1 && queue.waiting() == 0 && queue.running == 0;
        queue.running += 1;
        Some(Next::Run { jobs, alone })
    }

    pub(super) fn ended(&self) {
        self.lock().running -= 1;
    }

    /// Waits for a change; tells if none came for a while. After a burst of work memory is given back then, so that the most
    /// there ever was at once is not held for ever.
    fn rest<'a>(&'a self, queue: MutexGuard<'a, Queue>) -> (MutexGuard<'a, Queue>, bool) {
        let patience = match (queue.was_busy, self.keeps_failing()) {
            (true, _) => IDLE,
            (false, true) => self.limits.look_again,
            (false, false) => {
                return (self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner), false);
            }
        };
        let waited = self.changed.wait_timeout(queue, patience).unwrap_or_else(PoisonError::into_inner);
        let (mut queue, timeout) = waited;
        if timeout.timed_out() && queue.was_busy && queue.waiting() == 0 {
            queue.was_busy = false;
            drop(queue);
            give_back();
            queue = self.lock();
        }
        (queue, timeout.timed_out())
    }

    /// Learns from a run how fast the queue empties and whether the encoder is well.
    pub(super) fn learn(&self, pictures: usize, took: Duration, failed: bool) {
        self.metrics.ran(pictures, took, failed);
        self.judge(failed);
        if !failed {
            self.lock().learn(pictures, took);
        }
    }

    pub(super) fn judge(&self, failed: bool) {
        if failed {
            self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failures_in_a_row.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn waiting(&self) -> usize {
        let mut queue = self.lock();
        queue.forget_callers_who_left();
        queue.waiting()
    }

    pub(super) fn keeps_failing(&self) -> bool {
        self.failures_in_a_row.load(Ordering::Relaxed) >= FAILURES
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
