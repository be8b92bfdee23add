//! Crop, resize and flip in one sampling of the picture.

use simclr_models::Filter;
use tch::Tensor;

use super::Draw;
use crate::TrainError;
use crate::network::to_i64;

/// Samples each N×3×H×H picture's crop on a side×side grid.
///
/// Pixels are points at their centres; beyond the picture its border is repeated. Bicubic uses a = −0.75 (libtorch's)
/// and, unlike Pillow, neither filter widens when it shrinks, which matters only for crops larger than the view.
pub(super) fn crop_resize_flip(
    pictures: &Tensor,
    draws: &[Draw],
    side: u32,
    filter: Filter,
) -> Result<Tensor, TrainError> {
    const BORDER: i64 = 1;
    let mode = match filter {
        Filter::Bilinear => 0,
        Filter::Bicubic => 2,
    };
    #[expect(clippy::cast_possible_truncation, reason = "shares of a picture")]
    let matrices: Vec<f32> = draws.iter().flat_map(matrix).map(|x| x as f32).collect();
    let theta = Tensor::f_from_slice(&matrices)?.f_view([-1, 2, 3])?.f_to_device(pictures.device())?;
    let size = [to_i64(draws.len()), 3, i64::from(side), i64::from(side)];
    let grid = Tensor::f_affine_grid_generator(&theta, size, false)?;
    let sampled = pictures.f_grid_sampler(&grid, mode, BORDER, false)?;
    Ok(match filter {
        Filter::Bilinear => sampled,
        Filter::Bicubic => sampled.f_clamp(0.0, 1.0)?,
    })
}

/// Maps a view's coordinates in −1…1 to the picture's.
fn matrix(draw: &Draw) -> [f64; 6] {
    let crop = draw.crop;
    let mirror = if draw.flip { -1.0 } else { 1.0 };
    let shift = |from: f64, length: f64| 2.0 * from + length - 1.0;
    [mirror * crop.width, 0.0, shift(crop.left, crop.width), 0.0, crop.height, shift(crop.top, crop.height)]
}
