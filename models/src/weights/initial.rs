//! The numbers that a network begins with: a parameter and a source of randomness in, its first values out.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::description::{Param, ParamKind};

/// As many numbers as the parameter's shape says.
pub(super) fn first_values(param: &Param, random: &mut ChaCha8Rng) -> Vec<f32> {
    let constant = match param.kind {
        _ if param.starts_at_zero => 0.0,
        ParamKind::Scale | ParamKind::RunningVariance => 1.0,
        ParamKind::Bias | ParamKind::Shift | ParamKind::FixedShift | ParamKind::RunningMean => 0.0,
        ParamKind::Weight => return scaled_normal(param, random),
    };
    vec![constant; param.len()]
}

fn scaled_normal(param: &Param, random: &mut ChaCha8Rng) -> Vec<f32> {
    /// Standard deviation of a standard normal cut off at ±2, by which TensorFlow divides.
    const TRUNCATED_DEVIATION: f32 = 0.879_625_6;
    let fan_in: usize = param.shape[1..].iter().product();
    #[expect(clippy::cast_precision_loss, reason = "fan-in is far below 2^24")]
    let deviation = (1.0 / fan_in as f32).sqrt() / TRUNCATED_DEVIATION;
    let cut = std::iter::repeat_with(|| StandardNormal.sample(random)).filter(|x: &f32| x.abs() < 2.0);
    cut.take(param.len()).map(|x| x * deviation).collect()
}

#[cfg(test)]
mod tests {
    use crate::Weights;
    use crate::description::{ResNet, Stem};

    #[test]
    fn first_values_have_the_stated_spread_and_repeat() {
        let tiny = ResNet::plain(10, 0.25, Stem::SmallPicture).describe().unwrap();
        let weights = Weights::initial(&tiny, 1);
        assert_eq!(weights, Weights::initial(&tiny, 1));
        assert_ne!(weights, Weights::initial(&tiny, 2));
        let conv = weights.tensors().iter().find(|t| t.name == "layer4.0.conv1.weight").unwrap();
        let fan_in = (conv.shape[1] * 9) as f64;
        let variance = conv.data.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / conv.data.len() as f64;
        assert!((variance * fan_in - 1.0).abs() < 0.03, "{variance} * {fan_in}");
        let last = weights.tensors().iter().find(|t| t.name == "layer1.0.bn2.weight").unwrap();
        assert!(last.data.iter().all(|&x| x == 0.0));
    }
}
