//! Largest and mean numbers of windows, and halves mixed, in libtorch.

use simclr_models::Padding;
use tch::Tensor;

use super::to_i64;
use crate::TrainError;

pub(super) fn max_pool(
    x: &Tensor,
    kernel: usize,
    stride: usize,
    padding: Padding,
) -> Result<Tensor, TrainError> {
    let (kernel, stride) = (to_i64(kernel), to_i64(stride));
    let (x, pad) = symmetric(x, padding, f64::NEG_INFINITY)?;
    Ok(x.f_max_pool2d([kernel, kernel], [stride, stride], [pad, pad], [1, 1], false)?)
}

pub(super) fn mean_pool(
    x: &Tensor,
    kernel: usize,
    stride: usize,
    padding: Padding,
    counts_padding: bool,
) -> Result<Tensor, TrainError> {
    let (kernel, stride) = (to_i64(kernel), to_i64(stride));
    let mean = |x: &Tensor| -> Result<Tensor, TrainError> {
        let (x, pad) = symmetric(x, padding, 0.0)?;
        Ok(x.f_avg_pool2d([kernel, kernel], [stride, stride], [pad, pad], false, true, None)?)
    };
    let means = mean(x)?;
    if counts_padding {
        return Ok(means);
    }
    // Zeros were counted: what a window holds of a picture of ones is the share that should have been.
    let ones = Tensor::f_ones([1, 1, x.size()[2], x.size()[3]], (x.kind(), x.device()))?;
    Ok(means.f_div(&mean(&ones)?)?)
}

/// The halves of `x`, N×2C×H×W, mixed by the softmax over the halves of `weights`, N×2C×1×1.
pub(super) fn mix_halves(x: &Tensor, weights: &Tensor) -> Result<Tensor, TrainError> {
    let (halves, weights) = (x.f_chunk(2, 1)?, weights.f_chunk(2, 1)?);
    // The softmax of two numbers is the logistic function of their difference.
    let share = weights[0].f_sub(&weights[1])?.f_sigmoid()?;
    Ok(halves[1].f_add(&halves[0].f_sub(&halves[1])?.f_mul(&share)?)?)
}

/// libtorch pads equally before and after; anything else is added here first, with `value`.
pub(super) fn symmetric(x: &Tensor, padding: Padding, value: f64) -> Result<(Tensor, i64), TrainError> {
    if padding.before == padding.after {
        return Ok((x.shallow_clone(), to_i64(padding.before)));
    }
    let (before, after) = (to_i64(padding.before), to_i64(padding.after));
    Ok((x.f_pad([before, after, before, after], "constant", value)?, 0))
}
