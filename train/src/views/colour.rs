//! Brightness, contrast, saturation and hue in a random order, clipped after each (appendix A); dropping colour.
//!
//! Formulas are TensorFlow's, which the paper's code calls. torchvision's differ in two: its contrast is about the mean
//! of the picture's grey, here it is about each channel's; its saturation mixes with grey, which changes brightness,
//! here it is scaled in HSV and stops at 1. Brightness, hue and grey are the same in both.
//!
//! These are tensor operations for any device; on the processor [`super::pixels`] does the same faster.

use tch::{Kind, Tensor};

use super::{Draw, DrawnJitter, column, rows};
use crate::TrainError;
use crate::recipe::Brightness;
use crate::upload::upload;

/// Weights of red, green and blue in grey.
pub(super) const GREY: [f32; 3] = [0.2989, 0.5870, 0.1140];

/// Applies each row's drawn jitter to N×3×H×W views in 0…1.
pub(super) fn jitter(mut views: Tensor, draws: &[Draw], kind: Brightness) -> Result<Tensor, TrainError> {
    for place in 0..4 {
        for op in 0..4u8 {
            let comes_now = |d: &Draw| d.jitter.is_some_and(|j| j.order[place] == op);
            let Some((chosen, indices)) = rows(draws, &views, comes_now)? else {
                continue;
            };
            let jitters: Vec<DrawnJitter> = chosen.iter().filter_map(|&row| draws[row].jitter).collect();
            let x = views.f_index_select(0, &indices)?;
            let amount =
                |of: fn(&DrawnJitter) -> f64| column(&jitters.iter().map(of).collect::<Vec<_>>(), &x);
            let changed = match op {
                0 => brightness(&x, &amount(|j| j.brightness)?, kind),
                1 => contrast(&x, &amount(|j| j.contrast)?),
                2 => saturation(&x, &amount(|j| j.saturation)?),
                _ => hue(&x, &amount(|j| j.hue)?),
            }?;
            let _ = views.f_index_copy_(0, &indices, &changed.f_clamp(0.0, 1.0)?)?;
        }
    }
    Ok(views)
}

fn brightness(x: &Tensor, amount: &Tensor, kind: Brightness) -> Result<Tensor, TrainError> {
    Ok(match kind {
        Brightness::Multiplicative => x.f_mul(amount)?,
        Brightness::Additive => x.f_add(amount)?,
    })
}

fn contrast(x: &Tensor, factor: &Tensor) -> Result<Tensor, TrainError> {
    let mean = x.f_mean_dim([2i64, 3].as_slice(), true, Kind::Float)?;
    Ok(x.f_sub(&mean)?.f_mul(factor)?.f_add(&mean)?)
}

/// HSV: with V = max and chroma C = V − min, scaling S = C/V by f up to 1 moves each channel towards or away from V.
fn saturation(x: &Tensor, factor: &Tensor) -> Result<Tensor, TrainError> {
    let (value, chroma) = value_and_chroma(x)?;
    let most = value.f_div(&chroma.f_clamp_min(1e-12)?)?;
    let factor = factor.f_minimum(&most)?;
    Ok(value.f_sub(&value.f_sub(x)?.f_mul(&factor)?)?)
}

/// HSV: turns the hue and rebuilds channel n as V − C·clamp(min(k, 4 − k), 0, 1), k = (n + 6·hue) mod 6, n = 5, 3, 1.
fn hue(x: &Tensor, turn: &Tensor) -> Result<Tensor, TrainError> {
    let (value, chroma) = value_and_chroma(x)?;
    let channel = |c: i64| x.f_narrow(1, c, 1);
    let (red, green, blue) = (channel(0)?, channel(1)?, channel(2)?);
    let safe = chroma.f_clamp_min(1e-12)?;
    let sixth = |a: &Tensor, b: &Tensor, offset: f64| -> Result<Tensor, TrainError> {
        Ok(a.f_sub(b)?.f_div(&safe)?.f_add_scalar(offset)?)
    };
    let by_green_or_blue =
        sixth(&blue, &red, 2.0)?.f_where_self(&green.f_eq_tensor(&value)?, &sixth(&red, &green, 4.0)?)?;
    let hue = sixth(&green, &blue, 0.0)?.f_where_self(&red.f_eq_tensor(&value)?, &by_green_or_blue)?;
    let turned = hue.f_add(&turn.f_mul_scalar(6.0)?)?;
    let channels = [5.0, 3.0, 1.0]
        .into_iter()
        .map(|n| -> Result<Tensor, TrainError> {
            let k = turned.f_add_scalar(n)?.f_remainder(6.0)?;
            let share = k.f_minimum(&k.f_neg()?.f_add_scalar(4.0)?)?.f_clamp(0.0, 1.0)?;
            Ok(value.f_sub(&chroma.f_mul(&share)?)?)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Tensor::f_cat(&channels, 1)?)
}

/// Largest channel and its distance to the smallest, N×1×H×W.
fn value_and_chroma(x: &Tensor) -> Result<(Tensor, Tensor), TrainError> {
    let value = x.f_amax([1i64].as_slice(), true)?;
    let chroma = value.f_sub(&x.f_amin([1i64].as_slice(), true)?)?;
    Ok((value, chroma))
}

/// Replaces the chosen rows by their grey.
pub(super) fn drop_colour(mut views: Tensor, draws: &[Draw]) -> Result<Tensor, TrainError> {
    let Some((_, indices)) = rows(draws, &views, |d| d.grey)? else {
        return Ok(views);
    };
    let x = views.f_index_select(0, &indices)?;
    let weights = upload(&Tensor::f_from_slice(&GREY)?.f_view([1, 3, 1, 1])?, x.device())?;
    let grey = x.f_mul(&weights)?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
    let _ = views.f_index_copy_(0, &indices, &grey.f_expand_as(&x)?)?;
    Ok(views)
}
