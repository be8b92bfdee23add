//! What waits for a session, and what that means: how long a run waits for company, how many go into it, when the queue is
//! empty. Plain numbers; locks and sleep are another's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::batching::{Answered, BatchError, BatchLimits};

/// One prepared picture and who waits for it.
pub(in crate::batching) struct Job {
    pub(in crate::batching) prepared: Vec<f32>,
    pub(in crate::batching) answer: oneshot::Sender<Result<Answered, BatchError>>,
    pub(in crate::batching) since: Instant,
    /// How long it waited for a run, once it is in one.
    pub(in crate::batching) queued: Duration,
}

#[derive(Default)]
pub(super) struct Queue {
    /// Prepared, waiting for a session.
    pub(super) jobs: VecDeque<Job>,
    /// Admitted, being prepared.
    pub(super) coming: usize,
    /// Runs that have begun and not ended.
    pub(super) running: usize,
    pub(super) closed: bool,
    /// Whether anything ran since memory was given back.
    pub(super) was_busy: bool,
    /// How long a session takes for one picture, smoothed over the last runs.
    seconds_per_picture: Option<f64>,
}

impl Queue {
    /// Learns from a run how long a picture takes.
    pub(super) fn learn(&mut self, pictures: usize, took: Duration) {
        let measured = took.as_secs_f64() / count(pictures.max(1));
        let before = self.seconds_per_picture.unwrap_or(measured);
        self.seconds_per_picture = Some(before + 0.2 * (measured - before));
    }

    pub(super) fn waiting(&self) -> usize {
        self.coming + self.jobs.len()
    }

    /// How long a run waits for company: no longer than company could save.
    pub(super) fn patience(&self, limits: &BatchLimits) -> Duration {
        let run = self.seconds_per_picture.map_or(Duration::MAX, Duration::from_secs_f64);
        run.min(limits.batch_wait)
    }

    pub(super) fn forget_callers_who_left(&mut self) {
        self.jobs.retain(|job| !job.answer.is_closed());
    }

    /// How many of the waiting pictures go into the next run.
    ///
    /// Sessions share what waits: what one takes beyond its part would wait for it while others rest. Of a part that takes
    /// longer than a glance it takes half, but for a pair, which costs hardly more than one: who came first is answered
    /// sooner, and under full load runs are still of a dozen pictures.
    pub(super) fn next_run(&self, limits: &BatchLimits, sessions: usize) -> usize {
        let part = self.jobs.len().div_ceil(sessions);
        let long = self.seconds_per_picture.unwrap_or(0.0) * count(part) > limits.run_short.as_secs_f64();
        let run = if long && part > 2 { part.div_ceil(2) } else { part };
        run.min(limits.batch_pictures_max)
    }

    /// From a second, for a queue that was never measured, to a minute, beyond which a guess is worth nothing.
    pub(super) fn time_to_empty(&self, sessions: usize) -> Duration {
        let seconds = self.seconds_per_picture.unwrap_or(0.0) * count(self.waiting()) / count(sessions);
        Duration::from_secs_f64(seconds.clamp(1.0, 60.0))
    }
}

pub(super) fn count(pictures: usize) -> f64 {
    f64::from(u32::try_from(pictures).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_expected_to_be_empty_when_the_sessions_are_through_it() {
        let mut queue = Queue { coming: 40, ..Queue::default() };
        assert_eq!(queue.time_to_empty(2), Duration::from_secs(1), "nothing is known yet");
        queue.learn(4, Duration::from_secs(2));
        assert_eq!(queue.time_to_empty(2), Duration::from_secs(10));
        assert_eq!(queue.time_to_empty(1), Duration::from_secs(20));
        queue.coming = 4000;
        assert_eq!(queue.time_to_empty(1), Duration::from_secs(60));
        // A run that took twice as long counts a fifth.
        queue.coming = 10;
        queue.learn(1, Duration::from_secs(1));
        assert_eq!(queue.time_to_empty(1), Duration::from_secs(6));
    }
}
