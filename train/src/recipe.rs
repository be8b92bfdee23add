//! A training run as a file: every choice of the paper is one field here, read once and checked before anything starts.

use serde::{Deserialize, Serialize};
use simclr_models::{Filter, Head, Recipe, ResNet};

use crate::TrainError;

/// Everything that decides a pretraining run but where its data lie and where it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainRecipe {
    /// The artefact's name.
    pub name: String,
    /// Fixes first weights, order of pictures and every view.
    pub seed: u64,
    /// Pictures a step; each gives two views.
    pub batch: usize,
    /// Number format of convolutions and matrix products.
    pub precision: Precision,
    /// What is learned from.
    pub data: Data,
    /// The encoder f.
    pub encoder: ResNet,
    /// The projection head g.
    pub head: Head,
    /// The augmentations.
    pub views: Views,
    /// The objective.
    pub loss: Loss,
    /// How weights are moved.
    pub optimiser: Optimiser,
    /// For how long and how fast.
    pub schedule: Schedule,
}

/// Number format of convolutions and matrix products; weights, batch-norms and the loss stay f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// bfloat16 by autocast: faster where the processor has it (AVX512-BF16, AMX, CUDA), slower where it has not.
    Bf16,
}

/// The training pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// A name that `simclr_datasets::open` knows.
    pub dataset: String,
    /// Pictures are kept in memory as squares of this side, in pixels; views are cut from them.
    pub side: u32,
}

/// Two random views of a picture: crop and resize, flip, colour jitter, drop colour, blur, in this order (appendix A).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Views {
    /// Side of a view, in pixels.
    pub side: u32,
    /// Least and largest share of the picture's area that a crop covers; [0.08, 1] in the paper.
    pub crop_area: [f64; 2],
    /// Least and largest width over height of a crop, drawn log-uniformly; [3/4, 4/3] in the paper.
    pub crop_aspect: [f64; 2],
    /// How a crop is resized; the published code is bicubic.
    pub filter: Filter,
    /// Probability of a left-right flip; 0.5 in the paper.
    pub flip: f64,
    /// Probability of colour jitter; 0.8 in the paper.
    pub jitter: f64,
    /// Strength s of the jitter: brightness, contrast and saturation by 0.8·s, hue by 0.2·s; 1, or 0.5 for CIFAR-10.
    pub strength: f64,
    /// Whether brightness is multiplied, as in the published code, or added to, as in the paper's.
    pub brightness: Brightness,
    /// Probability of dropping colour; 0.2 in the paper.
    pub grey: f64,
    /// Probability of Gaussian blur with σ from U(0.1, 2) and a kernel of a tenth of the side; 0.5, or 0 for CIFAR-10.
    pub blur: f64,
    /// Subtracted from red, green and blue (0…1) before the encoder; zeros in the published code.
    pub mean: [f32; 3],
    /// Then divided by; ones in the published code.
    pub deviation: [f32; 3],
}

/// How a brightness change is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Brightness {
    /// x + U(−0.8s, 0.8s): the paper's appendix A.
    Additive,
    /// x · U(max(1 − 0.8s, 0), 1 + 0.8s): the published code's default.
    Multiplicative,
}

/// The contrastive objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// NT-Xent's τ; 0.1 on ImageNet, 0.5 for long runs on CIFAR-10.
    pub temperature: f64,
}

/// How weights are moved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Optimiser {
    /// Stochastic gradient descent with classic momentum.
    Sgd {
        /// Share of the last velocity that is kept.
        momentum: f64,
        /// Added to every learned tensor's gradient, times the tensor.
        weight_decay: f64,
    },
    /// Layer-wise adaptive rates; scales, shifts and biases are neither decayed nor adapted.
    Lars {
        /// Share of the last velocity that is kept; 0.9 in the paper.
        momentum: f64,
        /// Added to a weight's gradient, times the weight; 1e-6 in the paper.
        weight_decay: f64,
        /// η in trust = η·|w|/|g|; 0.001 in the published code.
        trust_coefficient: f64,
    },
}

/// Length and learning rate: linear warm-up, then half a cosine to zero (§2.3).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Passes over the pictures.
    pub epochs: u64,
    /// Of which the rate rises from zero.
    pub warmup_epochs: u64,
    /// Top learning rate for a batch of 256; it grows linearly with the batch. 0.3 in the paper (LARS).
    pub rate_per_256: f64,
}

impl TrainRecipe {
    /// Reads and checks a recipe's TOML text.
    ///
    /// # Errors
    /// With the line and field that is missing, unknown or out of range.
    pub fn parse(text: &str) -> Result<Self, TrainError> {
        let recipe: Self = toml::from_str(text).map_err(|e| TrainError::Recipe(e.to_string()))?;
        recipe.check()?;
        Ok(recipe)
    }

    fn check(&self) -> Result<(), TrainError> {
        let name_is_plain = self.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        require(!self.name.is_empty() && name_is_plain, "name must be letters, digits, - _ .")?;
        require(self.batch >= 2, "batch must be at least 2: NT-Xent needs a negative")?;
        let sides = self.views.side..=2048;
        require(sides.contains(&self.data.side), "data.side must be views.side to 2048 pixels")?;
        require(self.loss.temperature > 0.0, "loss.temperature must be above 0")?;
        let (momentum, decay) = self.optimiser.momentum_and_decay();
        require((0.0..1.0).contains(&momentum), "optimiser.momentum must be 0 or more and below 1")?;
        require(decay >= 0.0, "optimiser.weight_decay must not be negative")?;
        self.views.check()?;
        self.schedule.check()?;
        self.preprocessing().check()?;
        simclr_models::describe_head(&self.head, self.encoder.describe()?.output_len())?;
        Ok(())
    }

    /// What a picture goes through before the trained encoder sees it: no augmentation.
    pub fn preprocessing(&self) -> Recipe {
        let Views { side, mean, deviation, .. } = self.views;
        // The published evaluation keeps the middle 7/8 of large pictures and everything of small ones.
        let resize = if side <= 32 { side } else { (side * 8).div_ceil(7) };
        Recipe { side, resize, filter: Filter::Bicubic, mean, deviation }
    }
}

impl Views {
    fn check(&self) -> Result<(), TrainError> {
        require((8..=1024).contains(&self.side), "views.side must be 8 to 1024 pixels")?;
        let [least, most] = self.crop_area;
        let is_area = 0.0 < least && least <= most && most <= 1.0;
        require(is_area, "views.crop_area must be 0 < least <= most <= 1")?;
        let [narrow, wide] = self.crop_aspect;
        let is_aspect = 0.1 <= narrow && narrow <= wide && wide <= 10.0;
        require(is_aspect, "views.crop_aspect must be 0.1 <= least <= most <= 10")?;
        let coins = [(self.flip, "flip"), (self.jitter, "jitter"), (self.grey, "grey"), (self.blur, "blur")];
        for (probability, field) in coins {
            require((0.0..=1.0).contains(&probability), &format!("views.{field} must be 0 to 1"))?;
        }
        require((0.0..=2.5).contains(&self.strength), "views.strength must be 0 to 2.5")?;
        require(self.deviation.iter().all(|&d| d > 0.0), "views.deviation must be above 0")
    }
}

impl Schedule {
    fn check(&self) -> Result<(), TrainError> {
        require(self.epochs >= 1, "schedule.epochs must be at least 1")?;
        require(self.warmup_epochs <= self.epochs, "schedule.warmup_epochs must not exceed schedule.epochs")?;
        require(self.rate_per_256 > 0.0, "schedule.rate_per_256 must be above 0")
    }
}

fn require(holds: bool, rule: &str) -> Result<(), TrainError> {
    if holds { Ok(()) } else { Err(TrainError::Recipe(rule.into())) }
}

impl Optimiser {
    /// The two numbers that every kind has.
    pub fn momentum_and_decay(&self) -> (f64, f64) {
        match *self {
            Self::Sgd { momentum, weight_decay } | Self::Lars { momentum, weight_decay, .. } => {
                (momentum, weight_decay)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &str = include_str!("../recipes/tiny.toml");

    #[test]
    fn every_shipped_recipe_is_valid() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
        let mut found = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            TrainRecipe::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert!(
                text.starts_with("# simclr-train pretrain "),
                "{} begins with its command",
                path.display()
            );
            found += 1;
        }
        assert!(found >= 3);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (from, to, named) in [
            ("batch = 16", "batch = 1", "batch"),
            ("temperature = 0.5", "temperature = 0.0", "loss.temperature"),
            ("flip = 0.5", "flip = 1.5", "views.flip"),
            ("depth = 10", "depth = 11", "ResNet-11"),
            ("seed = 1", "seeds = 1", "seeds"),
        ] {
            assert!(TINY.contains(from), "{from}");
            let error = TrainRecipe::parse(&TINY.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
