//! ResNet v1 with the stride in the 3×3 convolution, as SimCLR trains it (Chen et al. 2020, §2.1 and appendix B.9).

use serde::{Deserialize, Serialize};

use super::stem::{Stem, stem_steps};
use super::{Builder, Description, Value, selective};

/// The choices that fix a residual network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResNet {
    /// 10, 18, 34, 50, 101 or 152.
    pub depth: u32,
    /// Multiplies every channel count: 0.25 to 4, in steps of 1/64.
    pub width: f64,
    /// How it begins.
    pub stem: Stem,
    /// Whether the 3×3 convolutions of its blocks are two that are mixed, and shortcuts and large stems those of ResNet-D,
    /// as in SimCLRv2's networks named sk1 (Chen et al. 2020b, §2; Li et al. 2019).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub selective_kernels: bool,
}

/// Why a network cannot be described.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DescriptionError {
    /// Choose one of the depths listed.
    #[error("no ResNet-{0}: depth must be 10, 18, 34, 50, 101 or 152")]
    Depth(u32),
    /// Choose a width that gives whole channel counts.
    #[error("width {0} is not between 0.25 and 4 in steps of 1/64")]
    Width(f64),
    /// Choose a width of which half gives whole channel counts, too.
    #[error("width {0} is not in steps of 1/32, which the stem of a network with selective kernels needs")]
    HalfWidth(f64),
    /// Choose one of the depths whose blocks are bottlenecks.
    #[error("no ResNet-{0} with selective kernels: depth must be 50, 101 or 152")]
    SelectiveDepth(u32),
    /// Choose a positive length.
    #[error("the projection head's {0} must be at least 1")]
    HeadLength(&'static str),
    /// Choose one of the head's layers.
    #[error("layer {asked} of the projection head: it has {there_are} layers")]
    HeadLayers {
        /// The layer.
        asked: usize,
        /// The head's.
        there_are: usize,
    },
}

impl ResNet {
    /// Every depth there is.
    pub const DEPTHS: [u32; 6] = [10, 18, 34, 50, 101, 152];
    /// Those whose blocks are bottlenecks, which alone have selective kernels.
    pub const SELECTIVE_DEPTHS: [u32; 3] = [50, 101, 152];

    /// One without selective kernels.
    pub const fn plain(depth: u32, width: f64, stem: Stem) -> Self {
        Self { depth, width, stem, selective_kernels: false }
    }

    /// Lists the network's steps; its output is the embedding *h*.
    ///
    /// # Errors
    /// When depth or width is not one that exists.
    pub fn describe(&self) -> Result<Description, DescriptionError> {
        let (blocks, is_bottleneck) = match self.depth {
            10 => ([1, 1, 1, 1], false),
            18 => ([2, 2, 2, 2], false),
            34 => ([3, 4, 6, 3], false),
            50 => ([3, 4, 6, 3], true),
            101 => ([3, 4, 23, 3], true),
            152 => ([3, 8, 36, 3], true),
            other => return Err(DescriptionError::Depth(other)),
        };
        if self.selective_kernels && !is_bottleneck {
            return Err(DescriptionError::SelectiveDepth(self.depth));
        }
        let base = self.base_channels()?;
        let (mut d, image) = Builder::new();
        let mut x = stem_steps(self, &mut d, image, base)?;
        let mut input = base;
        for (stage, &count) in blocks.iter().enumerate() {
            let middle = base << stage;
            let output = if is_bottleneck { 4 * middle } else { middle };
            for block in 0..count {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = format!("layer{}.{block}", stage + 1);
                let selective = self.selective_kernels;
                let shape = Block { name, input, middle, output, stride, selective };
                x = if is_bottleneck { shape.bottleneck(&mut d, x) } else { shape.basic(&mut d, x) };
                input = output;
            }
        }
        d.mean_over_pixels(x);
        Ok(d.finish(input))
    }

    fn base_channels(&self) -> Result<usize, DescriptionError> {
        let channels = 64.0 * self.width;
        if !(0.25..=4.0).contains(&self.width) || channels.fract() != 0.0 {
            return Err(DescriptionError::Width(self.width));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, 16 to 256")]
        Ok(channels as usize)
    }
}

impl std::fmt::Display for ResNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { depth, width, stem, selective_kernels } = self;
        let kernels = if *selective_kernels { " with selective kernels" } else { "" };
        write!(f, "ResNet-{depth} × {width}{kernels}, {} stem", stem.name())
    }
}

struct Block {
    name: String,
    input: usize,
    middle: usize,
    output: usize,
    stride: usize,
    selective: bool,
}

impl Block {
    fn basic(&self, d: &mut Builder, x: Value) -> Value {
        let y = self.conv_bn(d, x, 1, (self.input, self.middle), 3, self.stride, false);
        let y = d.relu(y);
        let y = self.conv_bn(d, y, 2, (self.middle, self.output), 3, 1, true);
        self.join(d, x, y)
    }

    fn bottleneck(&self, d: &mut Builder, x: Value) -> Value {
        let y = self.conv_bn(d, x, 1, (self.input, self.middle), 1, 1, false);
        let y = d.relu(y);
        let y = if self.selective {
            selective::convolution(d, y, &self.name, self.middle, self.stride)
        } else {
            let y = self.conv_bn(d, y, 2, (self.middle, self.middle), 3, self.stride, false);
            d.relu(y)
        };
        let y = self.conv_bn(d, y, 3, (self.middle, self.output), 1, 1, true);
        self.join(d, x, y)
    }

    #[expect(clippy::too_many_arguments, reason = "one private line per layer reads best")]
    fn conv_bn(
        &self,
        d: &mut Builder,
        x: Value,
        index: usize,
        (input, output): (usize, usize),
        kernel: usize,
        stride: usize,
        is_last: bool,
    ) -> Value {
        let y = d.conv(x, &format!("{}.conv{index}", self.name), input, output, kernel, stride);
        d.batch_norm(y, &format!("{}.bn{index}", self.name), output, is_last)
    }

    fn join(&self, d: &mut Builder, x: Value, y: Value) -> Value {
        let shortcut = if self.stride == 1 && self.input == self.output {
            x
        } else if self.selective {
            selective::shortcut(d, x, &self.name, (self.input, self.output), self.stride)
        } else {
            let s =
                d.conv(x, &format!("{}.downsample.0", self.name), self.input, self.output, 1, self.stride);
            d.batch_norm(s, &format!("{}.downsample.1", self.name), self.output, false)
        };
        let sum = d.add(y, shortcut);
        d.relu(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resnet(depth: u32, width: f64, stem: Stem) -> Description {
        ResNet::plain(depth, width, stem).describe().unwrap()
    }

    #[test]
    fn learned_numbers_equal_the_papers() {
        // 24M, 94M, 375M in the paper's tables.
        assert_eq!(resnet(50, 1.0, Stem::Imagenet).learned_len(), 23_508_032);
        assert_eq!(resnet(50, 2.0, Stem::Imagenet).learned_len(), 93_907_072);
        assert_eq!(resnet(50, 4.0, Stem::Imagenet).learned_len(), 375_378_176);
        // Torchvision's ResNet-18 and ResNet-34 without their last layer.
        assert_eq!(resnet(18, 1.0, Stem::Imagenet).learned_len(), 11_176_512);
        assert_eq!(resnet(34, 1.0, Stem::Imagenet).learned_len(), 21_284_672);
    }

    #[test]
    fn embedding_length_follows_depth_and_width() {
        assert_eq!(resnet(18, 0.25, Stem::SmallPicture).output_len(), 128);
        assert_eq!(resnet(50, 4.0, Stem::Imagenet).output_len(), 8192);
    }

    #[test]
    fn parameter_names_are_unique() {
        for depth in ResNet::DEPTHS {
            let mut names: Vec<_> =
                resnet(depth, 0.5, Stem::SmallPicture).params().into_iter().map(|p| p.name).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "ResNet-{depth}");
        }
    }

    #[test]
    fn stems_differ_as_said_and_are_written_by_name() {
        let sums = Stem::ALL.map(|stem| resnet(18, 1.0, stem).learned_len());
        assert_eq!((sums[0], sums[2]), (sums[1], sums[0] - 64 * 3 * (49 - 9)));
        assert_ne!(resnet(18, 1.0, Stem::Imagenet), resnet(18, 1.0, Stem::Torchvision));
        for stem in Stem::ALL {
            assert_eq!(serde_json::to_value(stem).unwrap(), stem.name());
        }
    }

    #[test]
    fn impossible_networks_are_refused() {
        let of = |depth, width| ResNet::plain(depth, width, Stem::Imagenet).describe();
        assert_eq!(of(20, 1.0), Err(DescriptionError::Depth(20)));
        for width in [0.0, 0.1, 4.5, f64::NAN, f64::INFINITY, -1.0] {
            assert!(matches!(of(18, width), Err(DescriptionError::Width(_))), "{width}");
        }
    }
}
