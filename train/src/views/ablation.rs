//! What figures 4 and 5 add to appendix A's augmentations: Sobel filtering, Gaussian noise, cutout.
//!
//! Views in 0…1 go in and come out. The paper names these operations and gives no parameters for them; what is
//! chosen here is said with each.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use tch::{Kind, Tensor};

use super::{Draw, DrawnNoise, column, rows};
use crate::TrainError;
use crate::upload::upload;

/// Replaces the chosen rows of N×3×S×S views by the strength of each channel's edges, clipped to 1.
///
/// √(dx² + dy²) / 4 with the kernels 1 2 1 by −1 0 1 and the border reflected: `tf.image.sobel_edges`, scaled as its
/// documentation scales it to be looked at, so that a straight step from black to white has strength 1.
pub(super) fn sobel(mut views: Tensor, draws: &[Draw]) -> Result<Tensor, TrainError> {
    const KERNELS: [f32; 18] = [
        -1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0, // across
        -1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0, // down
    ];
    let Some((_, indices)) = rows(draws, &views, |d| d.sobel)? else {
        return Ok(views);
    };
    let side = views.size()[3];
    let kernels = upload(&Tensor::f_from_slice(&KERNELS)?.f_view([2, 1, 3, 3])?, views.device())?;
    // Every channel is a picture of its own to the two kernels.
    let x = views.f_index_select(0, &indices)?.f_reshape([-1, 1, side, side])?;
    let x = x.f_reflection_pad2d([1, 1, 1, 1])?;
    let slopes = x.f_conv2d(&kernels, None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1)?;
    let strength = slopes.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?.f_sqrt()?;
    let strength = strength.f_div_scalar(4.0)?.f_clamp_max(1.0)?.f_view([-1, 3, side, side])?;
    let _ = views.f_index_copy_(0, &indices, &strength)?;
    Ok(views)
}

/// Adds Gaussian noise to the chosen rows of N×3×S×S views, one number a pixel and channel, and clips to 0…1.
///
/// The numbers come from a generator of the view's own on the CPU, not from libtorch's, so that they are the same
/// whatever the batch, the device or the step at which a run was resumed.
pub(super) fn noise(mut views: Tensor, draws: &[Draw]) -> Result<Tensor, TrainError> {
    let Some((chosen, indices)) = rows(draws, &views, |d| d.noise.is_some())? else {
        return Ok(views);
    };
    let drawn: Vec<DrawnNoise> = chosen.iter().filter_map(|&row| draws[row].noise).collect();
    let side = views.size()[3];
    let each = usize::try_from(3 * side * side).unwrap_or_default();
    let mut numbers = vec![0f32; each * drawn.len()];
    numbers.par_chunks_mut(each).zip(&drawn).for_each(|(numbers, drawn)| {
        let random = &mut ChaCha8Rng::seed_from_u64(drawn.seed);
        numbers.fill_with(|| StandardNormal.sample(random));
    });
    let numbers = upload(&Tensor::f_from_slice(&numbers)?.f_view([-1, 3, side, side])?, views.device())?;
    let sigmas: Vec<f64> = drawn.iter().map(|noise| noise.sigma).collect();
    let noise = numbers.f_mul(&column(&sigmas, &views)?)?;
    let noisy = views.f_index_select(0, &indices)?.f_add(&noise)?.f_clamp(0.0, 1.0)?;
    let _ = views.f_index_copy_(0, &indices, &noisy)?;
    Ok(views)
}

/// Paints a square of half the side over the chosen rows of N×3×S×S views, in the colour `fill`.
///
/// As in `DeVries` and Taylor (2017): its centre is any pixel, so that up to three quarters of it may lie outside. They
/// cut normalised pictures and fill with zeros; `fill` is therefore the recipe's mean, which normalising turns into zero
/// (black where the recipe does not normalise).
pub(super) fn cutout(mut views: Tensor, draws: &[Draw], fill: [f32; 3]) -> Result<Tensor, TrainError> {
    let Some((chosen, indices)) = rows(draws, &views, |d| d.cutout.is_some())? else {
        return Ok(views);
    };
    let side = views.size()[3];
    let centres: Vec<[f64; 2]> = chosen.iter().filter_map(|&row| draws[row].cutout).collect();
    let x = views.f_index_select(0, &indices)?;
    // Whether pixel 0…S − 1 of an axis is within a quarter of the side of the centre's pixel.
    let within = |axis: usize, shape: [i64; 4]| -> Result<Tensor, TrainError> {
        #[expect(clippy::cast_precision_loss, reason = "sides are small")]
        let pixels: Vec<f64> = centres.iter().map(|centre| (centre[axis] * side as f64).floor()).collect();
        let offsets = Tensor::f_arange(side, (Kind::Float, x.device()))?.f_view(shape)?;
        let offsets = offsets.f_sub(&column(&pixels, &x)?)?;
        let half = side / 4;
        Ok(offsets.f_ge(-half)?.f_logical_and(&offsets.f_lt(half)?)?)
    };
    let is_cut = within(0, [1, 1, 1, side])?.f_logical_and(&within(1, [1, 1, side, 1])?)?;
    let fill = upload(&Tensor::f_from_slice(&fill)?.f_view([1, 3, 1, 1])?, x.device())?;
    let _ = views.f_index_copy_(0, &indices, &fill.f_expand_as(&x)?.f_where_self(&is_cut, &x)?)?;
    Ok(views)
}
