//! Colour jitter and dropping colour on the processor: [`super::colour`]'s formulas, a picture at a time on every core.
//!
//! A picture stays in the cache while all its changes are made; the tensor operations walk through memory some forty
//! times for them: 57 ms of processor time for both views of 256 pictures of 32×32, with these loops 21. Both are kept,
//! since loops cannot run on a GPU, and a test holds them together.

use rayon::prelude::*;
use tch::Tensor;

use super::colour::GREY;
use super::{Draw, DrawnJitter};
use crate::TrainError;
use crate::recipe::Brightness;

/// Applies each row's jitter and drop of colour to N×3×H×W views in 0…1 on the processor.
///
/// # Errors
/// libtorch's words.
pub(super) fn recolour(views: &Tensor, draws: &[Draw], kind: Brightness) -> Result<Tensor, TrainError> {
    let mut numbers = Vec::<f32>::try_from(&views.f_flatten(0, -1)?)?;
    let each = (numbers.len() / draws.len().max(1)).max(1);
    numbers.par_chunks_exact_mut(each).zip(draws).for_each(|(picture, draw)| {
        if let Some(jitter) = &draw.jitter {
            apply(picture, jitter, kind);
        }
        if draw.grey {
            each_pixel(picture, |rgb| [rgb[0] * GREY[0] + rgb[1] * GREY[1] + rgb[2] * GREY[2]; 3]);
        }
    });
    Ok(Tensor::f_from_slice(&numbers)?.f_view_as(views)?)
}

fn apply(picture: &mut [f32], jitter: &DrawnJitter, kind: Brightness) {
    #[expect(clippy::cast_possible_truncation, reason = "factors of about 1")]
    let amounts = [jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue].map(|x| x as f32);
    for op in jitter.order {
        let amount = amounts[usize::from(op)];
        match (op, kind) {
            (0, Brightness::Multiplicative) => each_pixel(picture, |rgb| rgb.map(|c| c * amount)),
            (0, Brightness::Additive) => each_pixel(picture, |rgb| rgb.map(|c| c + amount)),
            (1, _) => contrast(picture, amount),
            (2, _) => each_pixel(picture, |rgb| saturated(rgb, amount)),
            _ => each_pixel(picture, |rgb| turned(rgb, 6.0 * amount)),
        }
    }
}

/// Changes each pixel of three planes and clips it to 0…1.
fn each_pixel(picture: &mut [f32], change: impl Fn([f32; 3]) -> [f32; 3]) {
    let plane = picture.len() / 3;
    let (red, rest) = picture.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        [*red, *green, *blue] = change([*red, *green, *blue]).map(clip);
    }
}

fn clip(x: f32) -> f32 {
    x.clamp(0.0, 1.0)
}

fn contrast(picture: &mut [f32], factor: f32) {
    for plane in picture.chunks_exact_mut(picture.len() / 3) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a mean of 0…1")]
        let mean = (plane.iter().map(|&x| f64::from(x)).sum::<f64>() / plane.len() as f64) as f32;
        for x in plane {
            *x = clip((*x - mean) * factor + mean);
        }
    }
}

fn value_and_chroma([red, green, blue]: [f32; 3]) -> (f32, f32) {
    let value = red.max(green).max(blue);
    (value, value - red.min(green).min(blue))
}

fn saturated(rgb: [f32; 3], factor: f32) -> [f32; 3] {
    let (value, chroma) = value_and_chroma(rgb);
    let factor = factor.min(value / chroma.max(1e-12));
    rgb.map(|c| value - (value - c) * factor)
}

/// Turns the hue by `sixths` of a turn, −6 to 6.
fn turned(rgb: [f32; 3], sixths: f32) -> [f32; 3] {
    let (value, chroma) = value_and_chroma(rgb);
    let [red, green, blue] = rgb;
    let safe = chroma.max(1e-12);
    let by_red = (green - blue) / safe;
    let by_green = (blue - red) / safe + 2.0;
    let by_blue = (red - green) / safe + 4.0;
    let hue = if red == value {
        by_red
    } else if green == value {
        by_green
    } else {
        by_blue
    };
    [5.0, 3.0, 1.0].map(|n| {
        // From −1 − 6 + 1 to 5 + 6 + 5: at most one turn below, two above; a remainder would not be vectorised.
        let k = hue + sixths + n;
        let k = if k < 0.0 { k + 6.0 } else { k };
        let k = if k >= 6.0 { k - 6.0 } else { k };
        let k = if k >= 6.0 { k - 6.0 } else { k };
        value - chroma * clip(k.min(4.0 - k))
    })
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::TrainRecipe;
    use crate::recipe::Views;
    use crate::views::colour;

    #[test]
    fn pictures_one_by_one_are_what_tensors_make_of_them_together() {
        let recipe = TrainRecipe::parse(include_str!("../../recipes/tiny.toml")).unwrap().views;
        let recipe = Views { strength: 1.0, ..recipe };
        let draws: Vec<Draw> = (0..200).map(|picture| Draw::new(&recipe, 3, 1, picture, 0)).collect();
        // As good as random, and not from a generator that other tests seed.
        let numbers = Tensor::arange(200 * 3 * 17 * 17, (Kind::Double, Device::Cpu));
        let views = (numbers * 0.618_033_988_75).frac().to_kind(Kind::Float).view([200, 3, 17, 17]);
        // Greys, black and white, where hues and saturations divide by nothing.
        views.narrow(0, 0, 50).copy_(&views.narrow(0, 0, 50).narrow(1, 0, 1).round());
        for kind in [Brightness::Multiplicative, Brightness::Additive] {
            let ours = recolour(&views, &draws, kind).unwrap();
            let tensors = colour::jitter(views.copy(), &draws, kind).unwrap();
            let tensors = colour::drop_colour(tensors, &draws).unwrap();
            let difference = (ours - tensors).abs().max().double_value(&[]);
            assert!(difference < 2e-5, "{difference}");
        }
    }
}
