//! What is random about one view, drawn with the paper's distributions.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::recipe::{Brightness, Views};

/// Tries at a crop that fits the picture before the whole picture is taken, as in the published code.
const CROP_TRIES: usize = 100;

/// Every random choice of one view.
#[derive(Debug, Clone, PartialEq)]
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
}

/// A rectangle as shares of the picture's width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq)]
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

impl Draw {
    /// Draws view `view` (0 or 1) of picture `picture` in epoch `epoch`; the same arguments give the same view.
    pub fn new(recipe: &Views, seed: u64, epoch: u64, picture: i64, view: u64) -> Self {
        let mut key = [0u8; 32];
        for (part, number) in key.chunks_exact_mut(8).zip([seed, epoch, picture.cast_unsigned(), view]) {
            part.copy_from_slice(&number.to_le_bytes());
        }
        let random = &mut ChaCha8Rng::from_seed(key);
        Self {
            crop: DrawnCrop::new(recipe, random),
            flip: random.random_bool(recipe.flip),
            jitter: random.random_bool(recipe.jitter).then(|| DrawnJitter::new(recipe, random)),
            grey: random.random_bool(recipe.grey),
            blur: random.random_bool(recipe.blur).then(|| random.random_range(0.1..2.0)),
        }
    }
}

impl DrawnCrop {
    /// Area uniform, aspect log-uniform, place uniform among crops that fit the square picture.
    fn new(recipe: &Views, random: &mut ChaCha8Rng) -> Self {
        let [least, most] = recipe.crop_area;
        let [narrow, wide] = recipe.crop_aspect.map(f64::ln);
        for _ in 0..CROP_TRIES {
            let area = random.random_range(least..=most);
            let aspect = random.random_range(narrow..=wide).exp();
            let (width, height) = ((area * aspect).sqrt(), (area / aspect).sqrt());
            if width <= 1.0 && height <= 1.0 {
                let left = random.random_range(0.0..=1.0 - width);
                let top = random.random_range(0.0..=1.0 - height);
                return Self { left, top, width, height };
            }
        }
        Self { left: 0.0, top: 0.0, width: 1.0, height: 1.0 }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TrainRecipe;

    fn draws(change: impl Fn(&mut Views)) -> Vec<Draw> {
        let mut recipe = TrainRecipe::parse(include_str!("../../recipes/tiny.toml")).unwrap().views;
        change(&mut recipe);
        (0..20_000).map(|picture| Draw::new(&recipe, 1, 2, picture, 0)).collect()
    }

    fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
        let numbers: Vec<f64> = numbers.collect();
        numbers.iter().sum::<f64>() / numbers.len() as f64
    }

    #[test]
    fn the_same_arguments_give_the_same_view_and_others_another() {
        let recipe = TrainRecipe::parse(include_str!("../../recipes/tiny.toml")).unwrap().views;
        let one = Draw::new(&recipe, 1, 2, 3, 0);
        assert_eq!(one, Draw::new(&recipe, 1, 2, 3, 0));
        for other in [(2, 2, 3, 0), (1, 3, 3, 0), (1, 2, 4, 0), (1, 2, 3, 1)] {
            assert_ne!(one, Draw::new(&recipe, other.0, other.1, other.2, other.3));
        }
    }

    #[test]
    fn crops_have_the_papers_distribution() {
        let draws = draws(|r| (r.crop_area, r.crop_aspect) = ([0.08, 0.5], [0.75, 4.0 / 3.0]));
        let areas = || draws.iter().map(|d| d.crop.width * d.crop.height);
        assert!(areas().all(|a| (0.08 - 1e-9..=0.5 + 1e-9).contains(&a)));
        assert!((mean(areas()) - 0.29).abs() < 0.005, "{}", mean(areas()));
        let aspects = || draws.iter().map(|d| (d.crop.width / d.crop.height).ln());
        assert!(mean(aspects()).abs() < 0.005);
        assert!((mean(aspects().map(|a| a * a)) - (4f64 / 3.0).ln().powi(2) / 3.0).abs() < 0.001);
        assert!(draws.iter().all(|d| d.crop.left + d.crop.width <= 1.0 + 1e-9 && d.crop.top >= 0.0));
    }

    #[test]
    fn coins_fall_as_often_as_asked() {
        let draws = draws(|r| (r.flip, r.jitter, r.grey, r.blur) = (0.5, 0.8, 0.2, 0.3));
        let share = |holds: fn(&Draw) -> bool| mean(draws.iter().map(|d| f64::from(holds(d))));
        assert!((share(|d| d.flip) - 0.5).abs() < 0.015);
        assert!((share(|d| d.jitter.is_some()) - 0.8).abs() < 0.015);
        assert!((share(|d| d.grey) - 0.2).abs() < 0.015);
        assert!((share(|d| d.blur.is_some()) - 0.3).abs() < 0.015);
        assert!((mean(draws.iter().filter_map(|d| d.blur)) - 1.05).abs() < 0.02);
    }

    #[test]
    fn jitter_reaches_as_far_as_its_strength() {
        for (kind, centre) in [(Brightness::Multiplicative, 1.0), (Brightness::Additive, 0.0)] {
            let draws = draws(|r| (r.brightness, r.strength, r.jitter) = (kind, 0.5, 1.0));
            let jitters: Vec<_> = draws.iter().filter_map(|d| d.jitter).collect();
            assert!(jitters.iter().all(|j| (j.brightness - centre).abs() <= 0.4 && j.hue.abs() <= 0.1));
            assert!((mean(jitters.iter().map(|j| (j.contrast - 1.0).powi(2))) - 0.16 / 3.0).abs() < 0.002);
            let first = |op| mean(jitters.iter().map(|j| f64::from(j.order[0] == op)));
            assert!((0..4).all(|op| (first(op) - 0.25).abs() < 0.015));
        }
    }
}
