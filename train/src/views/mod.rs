//! Two random views of each picture (appendix A, figures 4 and 5), as batched tensor operations that run on any device.
//!
//! What is random is drawn on the CPU from (seed, epoch, picture, view), so a run repeats and resumes exactly whatever
//! the batch or the device; what is computed is computed on the pictures' device.

mod ablation;
mod bicubic;
mod blur;
mod colour;
mod crop;
mod draw;
mod pixels;
mod sheet;

use tch::{Device, Kind, Tensor};

pub use draw::{Draw, DrawnCrop, DrawnJitter, DrawnNoise, draw_batch};
pub use sheet::Sheet;

use crate::TrainError;
use crate::recipe::Views;
use crate::upload::upload;

/// Views of the pictures `indices` in epoch `epoch`: 2B×3×side×side f32 normalised; rows i and i + B are one picture's.
///
/// `pictures` is B×3×H×H f32 in 0…1, in the order of `indices`: the whole batch, see [`draw_batch`].
///
/// # Errors
/// libtorch's words.
pub fn pair(
    pictures: &Tensor,
    indices: &[i64],
    recipe: &Views,
    seed: u64,
    epoch: u64,
) -> Result<Tensor, TrainError> {
    let draws = draw_batch(recipe, seed, epoch, indices);
    let twice = Tensor::f_cat(&[pictures, pictures], 0)?;
    let views = augment(&twice, &draws, recipe)?;
    normalise(&views, recipe)
}

/// One view of each of the pictures `indices` in epoch `epoch`: B×3×side×side, the second rows of [`pair`], which are
/// augmented whatever `branches` says.
///
/// # Errors
/// libtorch's words.
pub fn one(
    pictures: &Tensor,
    indices: &[i64],
    recipe: &Views,
    seed: u64,
    epoch: u64,
) -> Result<Tensor, TrainError> {
    let draws = draw_batch(recipe, seed, epoch, indices).split_off(indices.len());
    normalise(&augment(pictures, &draws, recipe)?, recipe)
}

/// Applies one drawn augmentation to each of N×3×H×H pictures in 0…1; the result is N×3×side×side in 0…1.
///
/// # Errors
/// libtorch's words.
pub fn augment(pictures: &Tensor, draws: &[Draw], recipe: &Views) -> Result<Tensor, TrainError> {
    let _no_grad = tch::no_grad_guard();
    let views = crop::crop_resize_flip(pictures, draws, recipe.side, recipe.filter)?;
    let views = crop::turn(views, draws)?;
    let views = if views.device() == Device::Cpu {
        pixels::recolour(&views, draws, recipe.brightness)?
    } else {
        colour::drop_colour(colour::jitter(views, draws, recipe.brightness)?, draws)?
    };
    let views = blur::blur(views, draws)?;
    let views = ablation::sobel(views, draws)?;
    let views = ablation::noise(views, draws)?;
    ablation::cutout(views, draws, recipe.mean)
}

fn normalise(views: &Tensor, recipe: &Views) -> Result<Tensor, TrainError> {
    let per_channel = |numbers: &[f32; 3]| -> Result<Tensor, TrainError> {
        upload(&Tensor::f_from_slice(numbers)?.f_view([1, 3, 1, 1])?, views.device())
    };
    Ok(views.f_sub(&per_channel(&recipe.mean)?)?.f_div(&per_channel(&recipe.deviation)?)?)
}

/// The rows of `draws` for which `choose` holds, as an index tensor on the device of `like`; none when there is none.
fn rows(
    draws: &[Draw],
    like: &Tensor,
    choose: impl Fn(&Draw) -> bool,
) -> Result<Option<(Vec<usize>, Tensor)>, TrainError> {
    let chosen: Vec<usize> = (0..draws.len()).filter(|&row| choose(&draws[row])).collect();
    if chosen.is_empty() {
        return Ok(None);
    }
    let indices: Vec<i64> = chosen.iter().map(|&row| crate::network::to_i64(row)).collect();
    let tensor = upload(&Tensor::f_from_slice(&indices)?, like.device())?;
    Ok(Some((chosen, tensor)))
}

/// One number a row, shaped N×1×1×1 to multiply pictures with.
fn column(numbers: &[f64], like: &Tensor) -> Result<Tensor, TrainError> {
    let numbers = Tensor::f_from_slice(numbers)?.f_to_kind(Kind::Float)?;
    upload(&numbers.f_view([-1, 1, 1, 1])?, like.device())
}
