//! How weights are moved, for how long and how fast.

use serde::{Deserialize, Serialize};

use super::problems::Problems;

/// How weights are moved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Optimiser {
    /// Stochastic gradient descent with momentum.
    Sgd {
        /// Share of the last velocity that is kept.
        momentum: f64,
        /// Added to every learned tensor's gradient, times the tensor.
        weight_decay: f64,
        /// Whether batch-norms' scales and shifts are decayed too, as `PyTorch`'s optimisers do; the published code leaves
        /// them out, and decays weights and biases alone.
        #[serde(default = "yes")]
        decay_norms: bool,
        /// Whether the gradient looks one step of momentum ahead (Nesterov), as in the paper's fine-tuning.
        #[serde(default)]
        nesterov: bool,
    },
    /// Layer-wise adaptive rates (You et al. 2017); scales, shifts and biases are neither decayed nor adapted: they move by
    /// their gradient at the full rate.
    Lars {
        /// Share of the last velocity that is kept; 0.9 in the paper.
        momentum: f64,
        /// Added to a weight's gradient, times the weight; 1e-6 in the paper, 1e-4 by default in its code.
        weight_decay: f64,
        /// η in trust = η·|w|/|g|; 0.001 in the published code.
        trust_coefficient: f64,
        /// Whether a gradient enters the velocity already times the rate, as in the paper and its code; PyTorch's
        /// ports multiply the velocity instead, which differs while the rate changes.
        #[serde(default = "yes")]
        rate_in_velocity: bool,
        /// Whether trust divides by |g + λw|, as the published code, or by |g| + λ|w|, as PyTorch's ports.
        #[serde(default = "yes")]
        norm_of_sum: bool,
        /// Whether the weights of a linear classifier (`objective` `supervised` or `rotation`) are decayed and adapted like
        /// any other; in the published code they are not (`head_supervised` in its `exclude_from_weight_decay`).
        #[serde(default = "yes")]
        adapt_classifier: bool,
    },
    /// Adam (Kingma and Ba 2015), with weight decay apart from the gradient (Loshchilov and Hutter 2019) if asked.
    Adam {
        /// Decay of the gradients' mean and of their squares' mean; [0.9, 0.999] everywhere.
        betas: [f64; 2],
        /// Added to the root of the squares' mean.
        epsilon: f64,
        /// λ.
        weight_decay: f64,
        /// Whether λ is for batch-norms' scales and shifts too, as `PyTorch` has it; not in the published code.
        #[serde(default = "yes")]
        decay_norms: bool,
        /// Whether λ·rate·w is taken off each weight (AdamW) instead of adding λw to its gradient.
        decoupled: bool,
    },
}

/// Length and learning rate: linear warm-up, then half a cosine to zero (§2.3).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Passes over the pictures.
    pub epochs: u64,
    /// Of which the rate rises from zero.
    pub warmup_epochs: u64,
    /// Top learning rate for a batch of 256; 0.3 in the paper (LARS), or 1.2 by the square root: 0.075·√batch.
    pub rate_per_256: f64,
    /// How the top rate grows with the batch.
    #[serde(default)]
    pub scaling: Scaling,
}

/// How the top learning rate grows with the batch (§B.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// As batch/256: the paper's choice for large batches.
    #[default]
    Linear,
    /// As √(batch/256): better for small batches and short runs.
    Sqrt,
}

fn yes() -> bool {
    true
}

impl Optimiser {
    pub(super) fn check(&self, problems: &mut Problems) {
        let shares: &[(f64, &str)] = match self {
            Self::Sgd { momentum, .. } | Self::Lars { momentum, .. } => &[(*momentum, "momentum")],
            Self::Adam { betas, .. } => &[(betas[0], "betas"), (betas[1], "betas")],
        };
        for (share, name) in shares {
            let rule = format!("optimiser.{name} must be 0 or more and below 1");
            problems.require((0.0..1.0).contains(share), &rule);
        }
        problems.require(self.weight_decay() >= 0.0, "optimiser.weight_decay must not be negative");
        match *self {
            Self::Lars { trust_coefficient, .. } => {
                problems.require(trust_coefficient > 0.0, "optimiser.trust_coefficient must be above 0");
            }
            Self::Adam { epsilon, .. } => {
                problems.require(epsilon > 0.0, "optimiser.epsilon must be above 0");
            }
            Self::Sgd { momentum, nesterov, .. } => {
                problems.require(!nesterov || momentum > 0.0, "optimiser.nesterov needs momentum above 0");
            }
        }
    }

    pub(crate) fn weight_decay(&self) -> f64 {
        match *self {
            Self::Sgd { weight_decay, .. }
            | Self::Lars { weight_decay, .. }
            | Self::Adam { weight_decay, .. } => weight_decay,
        }
    }
}

impl Schedule {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.require(self.epochs >= 1, "schedule.epochs must be at least 1");
        let fits = self.warmup_epochs <= self.epochs;
        problems.require(fits, "schedule.warmup_epochs must not exceed schedule.epochs");
        problems.require(self.rate_per_256 > 0.0, "schedule.rate_per_256 must be above 0");
    }
}
