//! What SimCLRv2's networks named sk1 have in place of a ResNet's 3×3 convolutions, shortcuts and large stem (Chen et al.
//! 2020b, §2; selective kernels of Li et al. 2019; the other two of ResNet-D, He et al. 2018). Names are timm's where it has them.

use super::{Builder, Padding, Value};

/// Channels of a mix's hidden layer: one for so many of the convolution's,
const MIX_SHARE: usize = 16;
/// and no fewer than these.
const MIX_LEAST: usize = 32;

/// Three 3×3 convolutions, the first of stride 2; what normalises the last one follows.
pub(super) fn stem(d: &mut Builder, image: Value, base: usize) -> Value {
    let half = base / 2;
    let x = d.conv(image, "conv1.0", 3, half, 3, 2);
    let x = d.batch_norm(x, "conv1.1", half, false);
    let x = d.relu(x);
    let x = d.conv(x, "conv1.3", half, half, 3, 1);
    let x = d.batch_norm(x, "conv1.4", half, false);
    let x = d.relu(x);
    d.conv(x, "conv1.6", half, base, 3, 1)
}

/// Two 3×3 convolutions of the same input, normalised and cut off, mixed channel by channel as the picture as a whole tells.
pub(super) fn convolution(d: &mut Builder, x: Value, block: &str, channels: usize, stride: usize) -> Value {
    let both = d.conv(x, &format!("{block}.conv2"), channels, 2 * channels, 3, stride);
    let both = d.batch_norm(both, &format!("{block}.bn2"), 2 * channels, false);
    let both = d.relu(both);
    let hidden = (channels / MIX_SHARE).max(MIX_LEAST);
    let mix = d.mean_of_halves(both);
    let mix = d.conv(mix, &format!("{block}.mixing.0"), channels, hidden, 1, 1);
    let mix = d.batch_norm(mix, &format!("{block}.mixing.1"), hidden, false);
    let mix = d.relu(mix);
    let mix = d.conv(mix, &format!("{block}.mixing.3"), hidden, 2 * channels, 1, 1);
    d.mix_halves(both, mix)
}

/// A mean over 2×2 windows, then a 1×1 convolution of stride 1.
///
/// The published code pads with zeros that count before a stride of 2 (for pictures of even side they are never reached), and
/// where the stride is 1 means only what is inside.
pub(super) fn shortcut(
    d: &mut Builder,
    x: Value,
    block: &str,
    (input, output): (usize, usize),
    stride: usize,
) -> Value {
    let x = d.mean_pool(x, 2, stride, Padding { before: 0, after: 1 }, stride > 1);
    let x = d.conv(x, &format!("{block}.downsample.1"), input, output, 1, 1);
    d.batch_norm(x, &format!("{block}.downsample.2"), output, false)
}

#[cfg(test)]
mod tests {
    use crate::description::{DescriptionError, Param};
    use crate::{ResNet, Stem};

    fn sk(depth: u32, width: f64, stem: Stem) -> ResNet {
        ResNet { selective_kernels: true, ..ResNet::plain(depth, width, stem) }
    }

    #[test]
    fn numbers_equal_simclrv2s() {
        // Its table 1, in millions; it counts running averages, too.
        for (depth, width, millions) in [
            (50, 1.0, 35),
            (50, 2.0, 140),
            (101, 1.0, 65),
            (101, 2.0, 257),
            (152, 1.0, 89),
            (152, 2.0, 354),
            (152, 3.0, 795),
        ] {
            let params = sk(depth, width, Stem::Imagenet).describe().unwrap().params();
            let numbers: usize = params.iter().map(Param::len).sum();
            assert_eq!((numbers + 500_000) / 1_000_000, millions, "ResNet-{depth} × {width}: {numbers}");
        }
    }

    #[test]
    fn only_bottlenecks_and_even_stems_have_them() {
        let of = |depth, width, stem| sk(depth, width, stem).describe().map(drop);
        assert_eq!(of(18, 1.0, Stem::Imagenet), Err(DescriptionError::SelectiveDepth(18)));
        let odd = 17.0 / 64.0;
        assert_eq!(of(50, odd, Stem::Imagenet), Err(DescriptionError::HalfWidth(odd)));
        assert_eq!(of(50, odd, Stem::SmallPicture), Ok(()));
    }
}
