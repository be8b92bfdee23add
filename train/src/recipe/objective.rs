//! What is asked of the network: the losses of the paper's table 2, and the tasks SimCLR is compared with.
//!
//! How each is computed is written where it is: in [`crate::objective`].

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
        /// Whether only semi-hard negatives count: those farther than v⁺ (§5.1).
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
        /// Whether only semi-hard negatives count: those farther than v⁺ (§5.1, table 4).
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
    /// Softmax cross-entropy on the dataset's labels, one view a picture: the paper's supervised baseline. The head is
    /// a linear classifier on h that starts at zero, whatever `[head]` says.
    Supervised {
        /// How many classes the dataset has.
        classes: usize,
    },
    /// Which of four turns a view was given (Gidaris et al. 2018), one picture giving four views. The head is a linear
    /// classifier on h that starts at zero, whatever `[head]` says.
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
            Self::Supervised { classes } => {
                problems
                    .require((2..=1 << 20).contains(&classes), "objective.classes must be 2 to 1,048,576");
            }
            Self::Rotation => (),
        }
    }

    /// Past projections kept as negatives.
    pub fn queue(&self) -> usize {
        if let Self::NtXent { queue, .. } = *self { queue } else { 0 }
    }

    /// Outputs of the linear classifier that stands in the projection head's place, where one does.
    pub fn classes(&self) -> Option<usize> {
        match *self {
            Self::NtXent { .. } | Self::NtLogistic { .. } | Self::MarginTriplet { .. } => None,
            Self::Supervised { classes } => Some(classes),
            Self::Rotation => Some(4),
        }
    }

    /// Whether it needs the pictures' labels.
    pub fn needs_labels(&self) -> bool {
        matches!(self, Self::Supervised { .. })
    }

    /// The method's name with its numbers, for cards and reports, such as `SimCLR (NT-Xent, τ 0.2)`.
    pub fn method(&self) -> String {
        let mined = |semi_hard| if semi_hard { ", semi-hard" } else { "" };
        match *self {
            Self::NtXent { temperature, normalise, semi_hard, queue, .. } => {
                let plain = if normalise { "" } else { ", not normalised" };
                let details = format!("τ {temperature}{plain}{}", mined(semi_hard));
                match queue {
                    0 => format!("SimCLR (NT-Xent, {details})"),
                    _ => format!("NT-Xent with a queue of {queue} ({details})"),
                }
            }
            Self::NtLogistic { temperature, semi_hard } => {
                format!("SimCLR (NT-Logistic, τ {temperature}{})", mined(semi_hard))
            }
            Self::MarginTriplet { margin, semi_hard } => {
                format!("SimCLR (margin triplet, m {margin}{})", mined(semi_hard))
            }
            Self::Supervised { .. } => "supervised".into(),
            Self::Rotation => "rotation prediction".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_named_with_what_sets_them_apart() {
        let nt_xent = |normalise, semi_hard, queue| {
            Objective::NtXent { temperature: 0.2, normalise, semi_hard, queue, factor: 1.0 }.method()
        };
        assert_eq!(nt_xent(true, false, 0), "SimCLR (NT-Xent, τ 0.2)");
        assert_eq!(nt_xent(false, true, 0), "SimCLR (NT-Xent, τ 0.2, not normalised, semi-hard)");
        assert_eq!(nt_xent(true, false, 4096), "NT-Xent with a queue of 4096 (τ 0.2)");
        let logistic = Objective::NtLogistic { temperature: 0.5, semi_hard: true };
        assert_eq!(logistic.method(), "SimCLR (NT-Logistic, τ 0.5, semi-hard)");
        let margin = Objective::MarginTriplet { margin: 0.8, semi_hard: false };
        assert_eq!(margin.method(), "SimCLR (margin triplet, m 0.8)");
        assert_eq!(Objective::Rotation.method(), "rotation prediction");
        assert_eq!(Objective::Supervised { classes: 10 }.method(), "supervised");
    }
}
