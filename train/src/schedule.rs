//! The learning rate of each step: linear warm-up, then half a cosine to zero (§2.3).

use std::f64::consts::PI;

use crate::recipe::{Scaling, Schedule};

/// A schedule with epochs turned into steps.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    top: f64,
    warmup_steps: u64,
    total_steps: u64,
}

impl Rates {
    /// Top rate `rate_per_256`·batch/256, or ·√(batch/256), over `steps_per_epoch`·epochs steps.
    pub fn new(schedule: &Schedule, batch: usize, steps_per_epoch: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "batches are small")]
        let growth = batch as f64 / 256.0;
        let growth = if schedule.scaling == Scaling::Sqrt { growth.sqrt() } else { growth };
        Self {
            top: schedule.rate_per_256 * growth,
            warmup_steps: schedule.warmup_epochs * steps_per_epoch,
            total_steps: schedule.epochs * steps_per_epoch,
        }
    }

    /// The rate of step `step`, from 0; zero after the last. Warm-up begins above zero, where the published code's first step
    /// moves nothing: it has step/W for (step + 1)/W.
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.top * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let length = (self.total_steps - self.warmup_steps).max(1) as f64;
        let done = ((step - self.warmup_steps) as f64 / length).min(1.0);
        self.top * 0.5 * (1.0 + (PI * done).cos())
    }

    /// Steps of the whole run.
    pub fn total_steps(&self) -> u64 {
        self.total_steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate_per_256: f64, scaling: Scaling) -> Schedule {
        Schedule { epochs: 10, warmup_epochs: 2, rate_per_256, scaling }
    }

    #[test]
    fn the_square_root_meets_the_line_at_the_papers_batch() {
        let top = |rate, scaling, batch| Rates::new(&schedule(rate, scaling), batch, 5).at(9);
        assert!((top(1.2, Scaling::Sqrt, 4096) - top(0.3, Scaling::Linear, 4096)).abs() < 1e-12);
        assert!((top(1.2, Scaling::Sqrt, 256) - 0.075 * 256f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn rises_linearly_then_falls_as_a_cosine() {
        let rates = Rates::new(&schedule(0.3, Scaling::Linear), 4096, 5);
        let close = |step, expected: f64| assert!((rates.at(step) - expected).abs() < 1e-12, "step {step}");
        close(0, 0.48);
        close(4, 2.4);
        close(9, 4.8);
        close(10, 4.8);
        close(30, 2.4);
        close(50, 0.0);
        close(60, 0.0);
        assert_eq!(rates.total_steps(), 50);
    }
}
