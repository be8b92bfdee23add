//! Gaussian blur with one σ a view; the kernel spans a tenth of the side, as in the published code.
//!
//! Beyond the border are zeros, as there: a blurred view has a dark edge. torchvision reflects instead.

use tch::{Kind, Tensor};

use super::{Draw, rows};
use crate::TrainError;
use crate::network::to_i64;
use crate::upload::upload;

/// Blurs the chosen rows of N×3×S×S views with a separable kernel of 2·(S/10/2) + 1 taps, zeros beyond the border.
pub(super) fn blur(mut views: Tensor, draws: &[Draw]) -> Result<Tensor, TrainError> {
    let Some((chosen, indices)) = rows(draws, &views, |d| d.blur.is_some())? else {
        return Ok(views);
    };
    let side = views.size()[3];
    let radius = side / 10 / 2;
    let kernels: Vec<f32> = chosen
        .iter()
        .filter_map(|&row| draws[row].blur)
        .flat_map(|sigma| kernel(sigma, radius).repeat(3))
        .collect();
    let taps = 2 * radius + 1;
    let channels = 3 * to_i64(chosen.len());
    let kernels = upload(&Tensor::f_from_slice(&kernels)?, views.device())?;
    // One group a channel and row: every row has a kernel of its own.
    let x = views.f_index_select(0, &indices)?.f_view([1, channels, side, side])?;
    let across = kernels.f_view([channels, 1, 1, taps])?;
    let x = x.f_conv2d(&across, None::<&Tensor>, [1, 1], [0, radius], [1, 1], channels)?;
    let down = kernels.f_view([channels, 1, taps, 1])?;
    let x = x.f_conv2d(&down, None::<&Tensor>, [1, 1], [radius, 0], [1, 1], channels)?;
    let _ = views.f_index_copy_(0, &indices, &x.f_view([-1, 3, side, side])?.f_to_kind(Kind::Float)?)?;
    Ok(views)
}

/// exp(−x²/2σ²) at −radius…radius, summing to 1.
pub(super) fn kernel(sigma: f64, radius: i64) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "radii are small")]
    let weights: Vec<f64> =
        (-radius..=radius).map(|x| (-((x * x) as f64) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    #[expect(clippy::cast_possible_truncation, reason = "weights of at most 1")]
    weights.into_iter().map(|w| (w / sum) as f32).collect()
}
