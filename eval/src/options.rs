//! What an evaluation is asked to do, and who is told how far it is.

use simclr_models::Limits;

use crate::judging::{NEIGHBOURS, TEMPERATURES};
use crate::metrics::Bootstrap;
use crate::probe::penalties;

/// What to measure and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether to classify by nearest neighbours.
    pub with_knn: bool,
    /// Whether to fit a linear probe.
    pub with_linear: bool,
    /// How many neighbours vote, one number after another; all, where there are fewer.
    pub neighbours: Vec<usize>,
    /// Of the weighted vote, one after another.
    pub temperatures: Vec<f64>,
    /// How many pictures of each class a probe is fitted on besides, one number after another.
    pub shots: Vec<usize>,
    /// How often so few pictures are drawn.
    pub draws: usize,
    /// Draws of test pictures for the intervals.
    pub bootstrap: usize,
    /// Of the samples set aside.
    pub seed: u64,
    /// λ to try, as [`penalties`] are: strongest first, of the summed objective, in units of the features' mean variance.
    pub penalties: Vec<f64>,
    /// What a picture may cost.
    pub limits: Limits,
    /// Share of a split's pictures that may be unreadable: so many are named and left out, more are an error.
    pub broken_max: f64,
    /// Pictures whose features are kept together, about.
    pub chunk: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            with_knn: true,
            with_linear: true,
            neighbours: NEIGHBOURS.to_vec(),
            temperatures: TEMPERATURES.to_vec(),
            shots: Vec::new(),
            draws: 5,
            bootstrap: Bootstrap::default().samples,
            seed: 0,
            penalties: penalties(),
            limits: Limits::default(),
            broken_max: 0.01,
            chunk: 1024,
        }
    }
}

/// Is told what happens during a long evaluation.
pub trait Watch {
    /// A step of so many units begins.
    fn begin(&mut self, step: &str, units: usize);
    /// So many of them are done.
    fn done(&mut self, units: usize);
}

/// Tells nobody.
impl Watch for () {
    fn begin(&mut self, _step: &str, _units: usize) {}
    fn done(&mut self, _units: usize) {}
}
