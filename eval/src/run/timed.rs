//! How long each step of a job took: passes everything on and looks at the clock.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Follow;
use crate::Watch;

/// Passes everything on, and remembers how long each step took.
pub(super) struct Timed<'a> {
    follow: &'a mut dyn Follow,
    seconds: BTreeMap<String, f64>,
    step: Option<(String, Instant)>,
}

impl<'a> Timed<'a> {
    pub(super) fn new(follow: &'a mut dyn Follow) -> Self {
        Self { follow, seconds: BTreeMap::new(), step: None }
    }

    fn end_step(&mut self) {
        if let Some((step, began)) = self.step.take() {
            *self.seconds.entry(step).or_default() += began.elapsed().as_secs_f64();
        }
    }

    /// The seconds of every step.
    pub(super) fn finish(mut self) -> BTreeMap<String, f64> {
        self.end_step();
        self.seconds
    }
}

impl Watch for Timed<'_> {
    fn begin(&mut self, step: &str, units: usize) {
        self.end_step();
        self.step = Some((step.to_owned(), Instant::now()));
        self.follow.begin(step, units);
    }

    fn done(&mut self, units: usize) {
        self.follow.done(units);
    }
}
