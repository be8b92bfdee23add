//! The exact preprocessing an encoder was trained for; it travels inside the artefact and is never guessed.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Picture;
use crate::resize::resized_middle;

/// How pixels between pixels are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Catmull-Rom cubic (a = −0.5), widened when shrinking, as Pillow's BICUBIC.
    Bicubic,
    /// Triangle, widened when shrinking, as Pillow's BILINEAR.
    Bilinear,
}

/// Picture → 3×side×side floats: resize the shorter side, cut the middle square, scale to 0…1, subtract, divide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Side of the square the encoder takes, in pixels.
    pub side: u32,
    /// What the picture's shorter side becomes before the cut, in pixels; at least `side`.
    pub resize: u32,
    /// How it is resized.
    pub filter: Filter,
    /// Subtracted from red, green and blue after scaling to 0…1; SimCLR's own models use zeros.
    pub mean: [f32; 3],
    /// Then divided by; SimCLR's own models use ones.
    pub deviation: [f32; 3],
}

/// N×3×side×side floats, prepared by one recipe; row-major, picture by picture, channel by channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageBatch {
    data: Vec<f32>,
    side: usize,
}

/// Why a recipe cannot be followed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// Choose sides within the bounds.
    #[error("the recipe's side {side} and resize {resize} must satisfy 1 ≤ side ≤ resize ≤ {SIDE_MAX}")]
    Sides {
        /// The square's side.
        side: u32,
        /// The shorter side before the cut.
        resize: u32,
    },
    /// Give finite means and positive deviations.
    #[error("the recipe's mean {mean:?} must be finite and its deviation {deviation:?} finite and positive")]
    Normalisation {
        /// The means.
        mean: [f32; 3],
        /// The deviations.
        deviation: [f32; 3],
    },
}

/// Largest side a recipe may ask for.
pub const SIDE_MAX: u32 = 4096;

impl Recipe {
    /// Whether it can be followed.
    ///
    /// # Errors
    /// Says which number is out of its bounds.
    pub fn check(&self) -> Result<(), RecipeError> {
        let Self { side, resize, mean, deviation, .. } = *self;
        if side == 0 || side > resize || resize > SIDE_MAX {
            return Err(RecipeError::Sides { side, resize });
        }
        let positive = |x: &f32| x.is_finite() && *x > 0.0;
        if !mean.iter().all(|x| x.is_finite()) || !deviation.iter().all(positive) {
            return Err(RecipeError::Normalisation { mean, deviation });
        }
        Ok(())
    }

    /// Turns a picture into 3×side×side floats: all of red, then green, then blue.
    ///
    /// A recipe that does not pass [`Recipe::check`] gives meaningless numbers, but as many.
    pub fn prepare(&self, picture: &Picture) -> Vec<f32> {
        let pixels = resized_middle(picture, self.resize.max(self.side), self.side, self.filter);
        let mut prepared = Vec::with_capacity(pixels.len());
        for channel in 0..3 {
            let (mean, deviation) = (self.mean[channel], self.deviation[channel]);
            // There are fewer levels than pixels to divide.
            let values: [f32; 256] =
                std::array::from_fn(|level| (f32::from(level as u8) / 255.0 - mean) / deviation);
            let levels = pixels[channel.min(pixels.len())..].iter().step_by(3);
            prepared.extend(levels.map(|&level| values[usize::from(level)]));
        }
        prepared
    }

    /// Prepares many pictures, on all cores.
    pub fn prepare_batch(&self, pictures: &[Picture]) -> ImageBatch {
        let prepared: Vec<Vec<f32>> = pictures.par_iter().map(|picture| self.prepare(picture)).collect();
        ImageBatch::from_prepared(self.side as usize, prepared)
    }
}

impl ImageBatch {
    /// Joins pictures that one recipe prepared.
    ///
    /// # Panics
    /// When a picture has not 3·side² numbers: it was prepared by another recipe, a mistake of the caller.
    pub fn from_prepared(side: usize, pictures: impl IntoIterator<Item = Vec<f32>>) -> Self {
        let each = 3 * side * side;
        let mut pictures = pictures.into_iter().inspect(|picture| {
            assert_eq!(picture.len(), each, "a picture of another recipe in a batch of side {side}");
        });
        // A picture alone is not copied.
        let mut data = pictures.next().unwrap_or_default();
        data.reserve(each * pictures.size_hint().0);
        pictures.for_each(|picture| data.extend(picture));
        Self { data, side }
    }

    /// How many pictures it holds.
    pub fn len(&self) -> usize {
        self.data.len() / (3 * self.side * self.side).max(1)
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Height and width of every picture.
    pub fn side(&self) -> usize {
        self.side
    }

    /// All numbers: picture by picture, channel by channel, row by row.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }
}
