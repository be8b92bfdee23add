//! How a residual network begins.

use serde::{Deserialize, Serialize};

use super::{Builder, DescriptionError, Padding, ResNet, Value, selective};

/// What happens to pixels before the first stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stem {
    /// 7×7 convolution of stride 2, then a 3×3 max-pool of stride 2, padded only after, as TensorFlow's `SAME` pads.
    Imagenet,
    /// As `Imagenet`, but with the max-pool padded by one on every side, as torchvision and timm pad.
    Torchvision,
    /// 3×3 convolution of stride 1 and no pool, for pictures of about 32×32 (appendix B.9).
    SmallPicture,
}

impl Stem {
    /// Every stem.
    pub const ALL: [Self; 3] = [Self::Imagenet, Self::Torchvision, Self::SmallPicture];

    /// Its name in recipes, cards and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imagenet => "imagenet",
            Self::Torchvision => "torchvision",
            Self::SmallPicture => "small-picture",
        }
    }

    /// Side of the pictures it is meant for, in pixels.
    pub const fn usual_side(self) -> u32 {
        match self {
            Self::Imagenet | Self::Torchvision => 224,
            Self::SmallPicture => 32,
        }
    }
}

/// The steps up to the first stage, which takes `base` channels.
pub(super) fn stem_steps(
    network: &ResNet,
    d: &mut Builder,
    image: Value,
    base: usize,
) -> Result<Value, DescriptionError> {
    let x = match network.stem {
        Stem::SmallPicture => d.conv(image, "conv1", 3, base, 3, 1),
        _ if network.selective_kernels && !base.is_multiple_of(2) => {
            return Err(DescriptionError::HalfWidth(network.width));
        }
        _ if network.selective_kernels => selective::stem(d, image, base),
        Stem::Imagenet | Stem::Torchvision => d.conv(image, "conv1", 3, base, 7, 2),
    };
    let x = d.batch_norm(x, "bn1", base, false);
    let x = d.relu(x);
    Ok(match network.stem {
        // The published code pools with TensorFlow's SAME padding: for 112 to 56 that adds only after.
        Stem::Imagenet => d.max_pool(x, 3, 2, Padding { before: 0, after: 1 }),
        Stem::Torchvision => d.max_pool(x, 3, 2, Padding::same(1)),
        Stem::SmallPicture => x,
    })
}
