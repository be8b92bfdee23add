//! A training run as a file: every choice of the paper is one field here, read once and checked before anything starts.
//!
//! A recipe is TOML. It may name a `preset`, whose fields it then inherits. Whatever is wrong with it is said in one go:
//! unknown keys, values of the wrong type, values out of range.

mod data;
mod monitor;
mod objective;
mod optimiser;
mod parts;
mod presets;
mod problems;
mod views;

use serde::{Deserialize, Serialize};
use simclr_models::{Head, HeadLayers, Recipe, ResNet};

pub use data::{Data, Resident};
pub use monitor::Monitor;
pub use objective::Objective;
pub use optimiser::{Optimiser, Scaling, Schedule};
pub(crate) use presets::over;
pub use presets::{PRESETS, Preset};
pub use views::{BlurSigma, Branches, Brightness, CropDraw, Views};

use crate::TrainError;
use parts::Parts;
use problems::{Problems, Reader};

/// Everything that decides a pretraining run but where its data lie and where it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainRecipe {
    /// The artefact's name.
    pub name: String,
    /// Fixes first weights, order of pictures and every view.
    pub seed: u64,
    /// Pictures a step; each gives two views.
    pub batch: usize,
    /// Pictures whose activations are in memory at once, if fewer than `batch`: gradient caching (Gao et al. 2021).
    ///
    /// Loss and gradients are those of the whole batch, except that batch-norms see a micro-batch; see
    /// [`crate::gradients`].
    pub micro_batch: Option<usize>,
    /// Number format of convolutions and matrix products.
    pub precision: Precision,
    /// What is learned from.
    pub data: Data,
    /// The encoder f.
    pub encoder: ResNet,
    /// The projection head g; without one (`layers = 0`) embeddings are compared themselves. Objectives that classify
    /// have a head of their own.
    pub head: Head,
    /// Layers of a former projection head that are trained on as a part of the encoder: fine-tuning as in SimCLRv2.
    pub kept_head: Option<HeadLayers>,
    /// The augmentations.
    pub views: Views,
    /// What is asked of the network.
    pub objective: Objective,
    /// How weights are moved.
    pub optimiser: Optimiser,
    /// For how long and how fast.
    pub schedule: Schedule,
    /// How often and how the encoder is looked at meanwhile; not at all without it.
    pub monitor: Option<Monitor>,
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

impl TrainRecipe {
    /// Reads and checks a recipe's TOML text.
    ///
    /// # Errors
    /// With everything that is missing, unknown, of the wrong type or out of range, one line each.
    pub fn parse(text: &str) -> Result<Self, TrainError> {
        let table = presets::resolve(text).map_err(TrainError::Recipe)?;
        let mut problems = Problems::default();
        let mut reader = Reader::new(&table, &mut problems);
        let parts = Parts::read(&mut reader);
        reader.refuse_other_keys();
        parts.check(&mut problems);
        problems.or(parts.whole())
    }

    /// What a picture goes through before the trained encoder sees it: no augmentation.
    pub fn preprocessing(&self) -> Recipe {
        self.views.preprocessing()
    }

    /// The recipe in full, every field written out: what a preset and the defaults came to.
    ///
    /// # Errors
    /// When a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, TrainError> {
        toml::to_string(self).map_err(|error| TrainError::Recipe(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
