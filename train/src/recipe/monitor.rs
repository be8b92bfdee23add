//! How often and how a run's encoder is looked at while it trains.

use serde::{Deserialize, Serialize};

use super::problems::Problems;

/// kNN and linear probe of the training encoder, every few epochs; they change nothing of what is learned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// Epochs between two looks; there is one at the end too.
    pub every_epochs: u64,
    /// Neighbours that vote; all, where there are fewer.
    #[serde(default = "two_hundred")]
    pub neighbours: usize,
    /// Of the neighbours' weighted vote.
    #[serde(default = "a_tenth")]
    pub temperature: f64,
    /// Whether a linear classifier is fitted too.
    #[serde(default = "yes")]
    pub probe: bool,
    /// Pictures known at most, and pictures judged at most: what a look costs.
    #[serde(default = "ten_thousand")]
    pub pictures: usize,
}

fn two_hundred() -> usize {
    200
}

fn a_tenth() -> f64 {
    0.1
}

fn yes() -> bool {
    true
}

fn ten_thousand() -> usize {
    10_000
}

impl Monitor {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.require(self.every_epochs >= 1, "monitor.every_epochs must be at least 1");
        problems.require(self.neighbours >= 1, "monitor.neighbours must be at least 1");
        problems.require(self.temperature > 0.0, "monitor.temperature must be above 0");
        problems.require(self.pictures >= 10, "monitor.pictures must be at least 10");
    }
}
