//! What is random about one view, drawn with the paper's distributions.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::recipe::{BlurSigma, Branches, Brightness, CropDraw, Views};

/// Tries at a crop that fits the picture before the whole picture is taken, as in the published code.
///
/// torchvision gives up after 10 and then takes the middle; with the paper's ranges neither happens in practice.
const CROP_TRIES: usize = 100;

/// Least share of the picture that the published code's crops cover, whatever its range of areas.
const COVERED_MIN: f64 = 0.1;

/// Every random choice of one view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Draw {
    /// The cut.
    pub crop: DrawnCrop,
    /// Whether left and right are exchanged.
    pub flip: bool,
    /// The colour jitter, if any.
    pub jitter: Option<DrawnJitter>,
    /// Whether colour is dropped.
    pub grey: bool,
    /// The blur's σ in pixels, if any.
    pub blur: Option<f64>,
    /// Quarter turns anticlockwise: 0 to 3.
    pub turn: u8,
    /// Whether edges take the picture's place.
    pub sobel: bool,
    /// The added noise, if any.
    pub noise: Option<DrawnNoise>,
    /// Centre of the square that is cut out, if any, as shares of width and height.
    pub cutout: Option<[f64; 2]>,
}

/// A rectangle as shares of the picture's width and height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DrawnCrop {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Four changes of colour and their order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DrawnJitter {
    /// Factor (multiplicative) or addend (additive).
    pub brightness: f64,
    /// Factor on the distance to the channel's mean.
    pub contrast: f64,
    /// Factor on HSV saturation.
    pub saturation: f64,
    /// Turn of the hue, in turns.
    pub hue: f64,
    /// A permutation of 0 brightness, 1 contrast, 2 saturation, 3 hue.
    pub order: [u8; 4],
}

/// Gaussian noise, one number a pixel and channel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DrawnNoise {
    /// Deviation, where pixels are 0…1.
    pub sigma: f64,
    /// Fixes the numbers.
    pub seed: u64,
}

/// What is random about the 2B views of a batch: rows i and i + B are picture `indices[i]`'s.
///
/// `indices` is the whole batch, even where it is computed in parts: where the recipe shares a blur's σ over a batch,
/// it is drawn from the seed, the epoch and the batch's first picture.
pub fn draw_batch(recipe: &Views, seed: u64, epoch: u64, indices: &[i64]) -> Vec<Draw> {
    let of_view = |view: u64| {
        // Pictures' own views are 0 and 1.
        let shared = || indices.first().map(|&first| sigma(&mut generator(seed, epoch, first, 2 + view)));
        let shared = if recipe.blur_sigma == BlurSigma::PerBatch { shared() } else { None };
        indices.iter().map(move |&picture| {
            if view == 0 && recipe.branches == Branches::One {
                return Draw::whole();
            }
            let draw = Draw::new(recipe, seed, epoch, picture, view);
            Draw { blur: draw.blur.map(|own| shared.unwrap_or(own)), ..draw }
        })
    };
    of_view(0).chain(of_view(1)).collect()
}

fn generator(seed: u64, epoch: u64, picture: i64, view: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    for (part, number) in key.chunks_exact_mut(8).zip([seed, epoch, picture.cast_unsigned(), view]) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A blur's σ in pixels of the view.
fn sigma(random: &mut ChaCha8Rng) -> f64 {
    random.random_range(0.1..2.0)
}

impl Draw {
    /// The whole picture, resized and otherwise as it is.
    pub fn whole() -> Self {
        Self {
            crop: DrawnCrop { left: 0.0, top: 0.0, width: 1.0, height: 1.0 },
            flip: false,
            jitter: None,
            grey: false,
            blur: None,
            turn: 0,
            sobel: false,
            noise: None,
            cutout: None,
        }
    }

    /// Draws view `view` (0 or 1) of picture `picture` in epoch `epoch`; the same arguments give the same view.
    pub fn new(recipe: &Views, seed: u64, epoch: u64, picture: i64, view: u64) -> Self {
        let random = &mut generator(seed, epoch, picture, view);
        // Each line after those before it: a field more must not change what recipes without it draw.
        Self {
            crop: DrawnCrop::new(recipe, random),
            flip: random.random_bool(recipe.flip),
            jitter: random.random_bool(recipe.jitter).then(|| DrawnJitter::new(recipe, random)),
            grey: random.random_bool(recipe.grey),
            blur: random.random_bool(recipe.blur).then(|| sigma(random)),
            turn: if random.random_bool(recipe.turn) { random.random_range(1..4) } else { 0 },
            sobel: random.random_bool(recipe.sobel),
            noise: random.random_bool(recipe.noise).then(|| DrawnNoise::new(random)),
            cutout: random.random_bool(recipe.cutout).then(|| random.random()),
        }
    }
}

impl DrawnCrop {
    /// A size as the recipe says, at a place uniform among those where it fits the square picture.
    fn new(recipe: &Views, random: &mut ChaCha8Rng) -> Self {
        for _ in 0..CROP_TRIES {
            let size = match recipe.crop_draw {
                CropDraw::Area => by_area(recipe, random),
                CropDraw::Height => by_height(recipe, random),
            };
            if let Some((width, height)) = size {
                let left = random.random_range(0.0..=1.0 - width);
                let top = random.random_range(0.0..=1.0 - height);
                return Self { left, top, width, height };
            }
        }
        Draw::whole().crop
    }
}

/// Width and height with area uniform and aspect log-uniform, if they fit.
fn by_area(recipe: &Views, random: &mut ChaCha8Rng) -> Option<(f64, f64)> {
    let [least, most] = recipe.crop_area;
    let [narrow, wide] = recipe.crop_aspect.map(f64::ln);
    let area = random.random_range(least..=most);
    let aspect = random.random_range(narrow..=wide).exp();
    let (width, height) = ((area * aspect).sqrt(), (area / aspect).sqrt());
    (width <= 1.0 && height <= 1.0).then_some((width, height))
}

/// Width and height with aspect uniform and height uniform among those that fit and have an allowed area, if they
/// cover enough.
fn by_height(recipe: &Views, random: &mut ChaCha8Rng) -> Option<(f64, f64)> {
    let [least, most] = recipe.crop_area;
    let [narrow, wide] = recipe.crop_aspect;
    let aspect = random.random_range(narrow..=wide);
    let tallest = (most / aspect).sqrt().min(1.0 / aspect).min(1.0);
    let shortest = (least / aspect).sqrt();
    if shortest > tallest {
        return None;
    }
    let height = random.random_range(shortest..=tallest);
    let width = (height * aspect).min(1.0);
    (width * height >= COVERED_MIN).then_some((width, height))
}

impl DrawnJitter {
    fn new(recipe: &Views, random: &mut ChaCha8Rng) -> Self {
        let reach = 0.8 * recipe.strength;
        let mut factor = || random.random_range((1.0 - reach).max(0.0)..=1.0 + reach);
        let (multiplied, contrast, saturation) = (factor(), factor(), factor());
        let brightness = match recipe.brightness {
            Brightness::Multiplicative => multiplied,
            Brightness::Additive => random.random_range(-reach..=reach),
        };
        let turn = 0.2 * recipe.strength;
        let mut order = [0, 1, 2, 3];
        order.shuffle(random);
        Self { brightness, contrast, saturation, hue: random.random_range(-turn..=turn), order }
    }
}

impl DrawnNoise {
    fn new(random: &mut ChaCha8Rng) -> Self {
        Self { sigma: random.random_range(0.0..0.1), seed: random.random() }
    }
}

#[cfg(test)]
mod tests;
