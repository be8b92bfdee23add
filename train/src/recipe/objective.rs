//! What is asked of the network: the losses of the paper's table 2, and the tasks SimCLR is compared with.

use serde::{Deserialize, Serialize};

use super::problems::Problems;

/// What is asked of the network; u, v are projections of views of a batch, u and v⁺ of the same picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Objective {
    /// −log softmax of u·v⁺/τ among all u·v/τ (§2.1, equation 1).
    NtXent {
        /// τ; 0.1 on ImageNet, 0.5 for long runs on CIFAR-10, 10 or 100 without normalisation (table 5).
        temperature: f64,
        /// Whether projections are brought to length 1 first, as everywhere but in the last rows of table 5.
        #[serde(default = "yes")]
        normalise: bool,
        /// Whether only semi-hard negatives count: those farther than v⁺ (§5.1, table 4).
        #[serde(default)]
        semi_hard: bool,
        /// Past projections kept as further negatives: a memory bank, which SimCLR does without. 0 keeps none.
        #[serde(default)]
        queue: usize,
        /// 2 in the published code, which adds the two views' means where the paper takes the mean of both.
        #[serde(default = "one")]
        factor: f64,
    },
    /// −log σ(u·v⁺/τ) − log σ(−u·v⁻/τ), the mean over positives plus the mean over negatives.
    NtLogistic {
        /// τ; the paper tried 0.1, 0.2, 0.5 and 1.
        temperature: f64,
        /// Whether only semi-hard negatives count.
        #[serde(default)]
        semi_hard: bool,
    },
    /// max(u·v⁻ − u·v⁺ + m, 0), the mean over triplets.
    MarginTriplet {
        /// m; the paper tried 0, 0.4, 0.8 and 1.6.
        margin: f64,
        /// Whether only semi-hard negatives count: those inside the margin and farther than v⁺.
        #[serde(default)]
        semi_hard: bool,
    },
    /// Softmax cross-entropy on the dataset's labels, one view a picture: the paper's supervised baseline.
    Supervised,
    /// Which of four turns a view was given (Gidaris et al. 2018), one picture giving four views.
    Rotation,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

impl Objective {
    pub(super) fn check(&self, problems: &mut Problems) {
        match *self {
            Self::NtXent { temperature, factor, queue, .. } => {
                problems.require(temperature > 0.0, "objective.temperature must be above 0");
                problems.require(factor > 0.0, "objective.factor must be above 0");
                problems.require(queue <= 1 << 20, "objective.queue must be at most 1,048,576 projections");
            }
            Self::NtLogistic { temperature, .. } => {
                problems.require(temperature > 0.0, "objective.temperature must be above 0");
            }
            Self::MarginTriplet { margin, .. } => {
                problems.require((0.0..=2.0).contains(&margin), "objective.margin must be 0 to 2");
            }
            Self::Supervised | Self::Rotation => (),
        }
    }
}
