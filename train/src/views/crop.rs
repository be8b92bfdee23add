//! Crop, resize and flip in one sampling of the picture; quarter turns.

use simclr_models::Filter;
use tch::Tensor;

use super::{Draw, bicubic, rows};
use crate::TrainError;
use crate::network::to_i64;
use crate::upload::upload;

/// Samples each N×3×H×H picture's crop on a side×side grid.
///
/// Pixels are points at their centres. Unlike Pillow, neither filter widens when it shrinks, which matters only for
/// crops larger than the view.
///
/// The published code cuts whole pixels first and then resizes what it cut, so that a view's outermost pixels know
/// nothing beyond the crop; here crops have fractional edges and neighbours beyond them count. Its TensorFlow 2 version
/// resizes with the cubic of [`bicubic::sample`]; the TensorFlow 1 version, in which the paper's models were trained,
/// with a = −0.75 and pixels as points at their upper left corners, a shift of up to half a pixel.
pub(super) fn crop_resize_flip(
    pictures: &Tensor,
    draws: &[Draw],
    side: u32,
    filter: Filter,
) -> Result<Tensor, TrainError> {
    match filter {
        Filter::Bilinear => bilinear(pictures, draws, side),
        Filter::Bicubic => bicubic::sample(pictures, draws, side),
    }
}

/// Beyond the picture its border is repeated.
fn bilinear(pictures: &Tensor, draws: &[Draw], side: u32) -> Result<Tensor, TrainError> {
    const BILINEAR: i64 = 0;
    const BORDER: i64 = 1;
    #[expect(clippy::cast_possible_truncation, reason = "shares of a picture")]
    let matrices: Vec<f32> = draws.iter().flat_map(matrix).map(|x| x as f32).collect();
    let theta = upload(&Tensor::f_from_slice(&matrices)?.f_view([-1, 2, 3])?, pictures.device())?;
    let size = [to_i64(draws.len()), 3, i64::from(side), i64::from(side)];
    let grid = Tensor::f_affine_grid_generator(&theta, size, false)?;
    Ok(pictures.f_grid_sampler(&grid, BILINEAR, BORDER, false)?)
}

/// Maps a view's coordinates in −1…1 to the picture's.
fn matrix(draw: &Draw) -> [f64; 6] {
    let crop = draw.crop;
    let mirror = if draw.flip { -1.0 } else { 1.0 };
    let shift = |from: f64, length: f64| 2.0 * from + length - 1.0;
    [mirror * crop.width, 0.0, shift(crop.left, crop.width), 0.0, crop.height, shift(crop.top, crop.height)]
}

/// Turns the chosen rows of N×3×S×S views anticlockwise, exactly; figure 5's rotation.
pub(super) fn turn(mut views: Tensor, draws: &[Draw]) -> Result<Tensor, TrainError> {
    for quarters in 1..4u8 {
        if let Some((_, indices)) = rows(draws, &views, |d| d.turn == quarters)? {
            let turned = views.f_index_select(0, &indices)?.f_rot90(i64::from(quarters), [2i64, 3])?;
            let _ = views.f_index_copy_(0, &indices, &turned)?;
        }
    }
    Ok(views)
}
