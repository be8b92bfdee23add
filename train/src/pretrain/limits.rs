//! When a run stops before its end, and how it ended.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// When a run stops before its last step, and how often and how many checkpoints it keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// Stop at about this time, however many runs there are.
    pub until: Option<Instant>,
    /// Stop once so many steps of the whole run are done.
    pub steps: Option<u64>,
    /// Stop as soon as this turns true.
    pub stop: &'a AtomicBool,
    /// Time between checkpoints; one is also kept at the beginning and at the end.
    pub checkpoint_every: Duration,
    /// Checkpoints kept: the last so many.
    pub keep: usize,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every step is done.
    Finished,
    /// A limit was reached; resume from the checkpoint.
    Paused {
        /// Steps done.
        step: u64,
    },
}
