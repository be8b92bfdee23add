//! What `simclr-models import` is told on its command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use simclr_models::import::Preset;
use simclr_models::{Filter, Stem};

use crate::StemName;

pub(crate) const EXAMPLES: &str = "Examples:
  simclr-models import resnet50.pth --name resnet50 --preset torchvision --licence BSD-3-Clause
  simclr-models import resnet50-1x.pth --name simclr-1x --preset simclr --max-pool-padding symmetric
  simclr-models import moco.pth.tar --name moco --prefix state_dict.module.encoder_q --preset torchvision
  simclr-models import small.safetensors --name small --preset small-picture --mean 0.49,0.48,0.45 --deviation 0.25,0.24,0.26

Weights do not say how their pictures were prepared. The presets:
  torchvision    shorter side to 256, bilinear, middle 224, ImageNet's mean and deviation; max-pool padded on every side
  simclr         shorter side to 256, bicubic, middle 224, no normalisation; max-pool padded as in TensorFlow
  small-picture  32 by 32, no normalisation
Depth, width and kind of stem are read off the tensors' names and shapes. The epsilon of batch-norms (1e-5), the place of the
stride (in the 3x3 convolution) and pooling inside blocks (none) leave no trace there: look twice at weights of other
networks than the usual ones, such as timm's anti-aliased ones.";

#[derive(Args)]
pub(crate) struct Import {
    /// The file: .pth or .pt as torch.save writes it, or .safetensors.
    pub(super) weights: PathBuf,
    /// The artefact's name.
    #[arg(long)]
    pub(super) name: String,
    /// Its folder; models/artefacts/NAME when absent.
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// How pictures are prepared for these weights; each number can also be given by itself.
    #[arg(long, value_enum)]
    pub(super) preset: Option<PresetName>,
    /// Side of the square the encoder takes, in pixels.
    #[arg(long)]
    pub(super) side: Option<u32>,
    /// What the picture's shorter side becomes before the square is cut, in pixels.
    #[arg(long)]
    pub(super) resize: Option<u32>,
    /// How it is resized.
    #[arg(long, value_enum)]
    pub(super) filter: Option<FilterName>,
    /// Subtracted from red, green and blue between 0 and 1.
    #[arg(long, value_name = "R,G,B", value_parser = three)]
    pub(super) mean: Option<[f32; 3]>,
    /// Then divided by.
    #[arg(long, value_name = "R,G,B", value_parser = three)]
    pub(super) deviation: Option<[f32; 3]>,
    /// What stands before the encoder's names, where the file holds several.
    #[arg(long)]
    pub(super) prefix: Option<String>,
    /// Instead of the depth read off the names.
    #[arg(long)]
    pub(super) depth: Option<u32>,
    /// Instead of the width read off the first convolution.
    #[arg(long)]
    pub(super) width: Option<f64>,
    /// Instead of the stem read off the first convolution.
    #[arg(long, value_enum, conflicts_with = "max_pool_padding")]
    pub(super) stem: Option<StemName>,
    /// How a 7x7 stem's max-pool is padded: symmetric in PyTorch, same in TensorFlow; the preset's when absent.
    #[arg(long, value_enum)]
    pub(super) max_pool_padding: Option<PaddingName>,
    /// Under which terms the weights may be used.
    #[arg(long, default_value = "unknown")]
    pub(super) licence: String,
    /// How they were trained, such as supervised or SimCLR.
    #[arg(long, default_value = "unknown")]
    pub(super) method: String,
    /// The pictures they were trained on.
    #[arg(long, default_value = "unknown")]
    pub(super) data: String,
    /// For how many epochs; 0 for unknown.
    #[arg(long, default_value_t = 0)]
    pub(super) epochs: u32,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum PresetName {
    Torchvision,
    Simclr,
    SmallPicture,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum FilterName {
    Bicubic,
    Bilinear,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum PaddingName {
    Same,
    Symmetric,
}

/// `0.485,0.456,0.406` as three numbers.
fn three(text: &str) -> Result<[f32; 3], String> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    let numbers = numbers.map_err(|e| format!("{e}; give three numbers, as in 0.485,0.456,0.406"))?;
    numbers.try_into().map_err(|_| "give three numbers, as in 0.485,0.456,0.406".to_owned())
}

impl From<PaddingName> for Stem {
    fn from(name: PaddingName) -> Self {
        match name {
            PaddingName::Same => Self::Imagenet,
            PaddingName::Symmetric => Self::Torchvision,
        }
    }
}

impl From<PresetName> for Preset {
    fn from(name: PresetName) -> Self {
        match name {
            PresetName::Torchvision => Self::Torchvision,
            PresetName::Simclr => Self::Simclr,
            PresetName::SmallPicture => Self::SmallPicture,
        }
    }
}

impl From<FilterName> for Filter {
    fn from(name: FilterName) -> Self {
        match name {
            FilterName::Bicubic => Self::Bicubic,
            FilterName::Bilinear => Self::Bilinear,
        }
    }
}
