//! How pictures are prepared for well-known families of weights, which the weights themselves do not tell.

use crate::{Filter, Recipe, Stem};

/// A family of weights with one way of preparing pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Torchvision's and timm's classifiers, and whatever was trained with their normalisation: shorter side to 256,
    /// bilinear, middle 224, minus ImageNet's mean, over its deviation.
    Torchvision,
    /// Google's SimCLR weights, however converted: shorter side to 256, bicubic, middle 224, 0…1 and no normalisation.
    Simclr,
    /// Networks for 32×32 pictures, 0…1 and no normalisation.
    SmallPicture,
}

impl Preset {
    /// The preprocessing.
    pub const fn recipe(self) -> Recipe {
        let plain =
            Recipe { side: 224, resize: 256, filter: Filter::Bicubic, mean: [0.0; 3], deviation: [1.0; 3] };
        match self {
            Self::Torchvision => Recipe {
                filter: Filter::Bilinear,
                mean: [0.485, 0.456, 0.406],
                deviation: [0.229, 0.224, 0.225],
                ..plain
            },
            Self::Simclr => plain,
            Self::SmallPicture => Recipe { side: 32, resize: 32, ..plain },
        }
    }

    /// The stem of its networks that begin with a 7×7 convolution: both kinds have the same tensors, but pad the
    /// max-pool differently.
    pub const fn large_stem(self) -> Stem {
        match self {
            Self::Simclr => Stem::Imagenet,
            Self::Torchvision | Self::SmallPicture => Stem::Torchvision,
        }
    }
}
