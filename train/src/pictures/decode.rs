//! Samples in, planes of bytes out, on all cores; those that cannot be read are named instead.

use rayon::prelude::*;
use simclr_datasets::Sample;
use simclr_models::{Filter, Limits, Picture, Recipe};

use crate::TrainError;
use crate::network::to_i64;

/// Broken pictures that an error names.
const NAMED: usize = 5;

/// A picture that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its place in the training split.
    pub place: usize,
    /// Its name and what is wrong with it.
    pub reason: String,
}

/// Bytes of one picture.
pub(super) fn bytes_of(side: u32) -> usize {
    3 * (side as usize).pow(2)
}

/// N×3×side×side for so many pictures.
pub(super) fn shape(count: usize, side: u32) -> [i64; 4] {
    [to_i64(count), 3, i64::from(side), i64::from(side)]
}

/// Writes N×3×side×side bytes, none where a picture is broken; the broken ones by their place among `samples`.
pub(super) fn all<'a>(
    samples: impl ExactSizeIterator<Item = &'a Sample>,
    side: u32,
    into: &mut [u8],
) -> Vec<Broken> {
    let square = Recipe { side, resize: side, filter: Filter::Bicubic, mean: [0.0; 3], deviation: [1.0; 3] };
    let samples: Vec<&Sample> = samples.collect();
    into.par_chunks_mut(bytes_of(side))
        .zip(samples)
        .enumerate()
        .filter_map(|(place, (into, sample))| match sample.load(&Limits::default()) {
            Ok(picture) => {
                write_planes(&picture, &square, into);
                None
            }
            Err(error) => Some(Broken { place, reason: error.to_string() }),
        })
        .collect()
}

/// Whether so many broken ones of `of` pictures are within the share `most`.
///
/// # Errors
/// When not, naming the first few.
pub(super) fn tolerate(broken: &[Broken], of: usize, most: f64) -> Result<(), TrainError> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count far below 2^52"
    )]
    let most = (of as f64 * most) as usize;
    if broken.len() <= most {
        return Ok(());
    }
    let mut named: String =
        broken.iter().take(NAMED).map(|broken| format!("\n  {}", broken.reason)).collect();
    if broken.len() > NAMED {
        named += &format!("\n  and {} more", broken.len() - NAMED);
    }
    Err(TrainError::Broken { count: broken.len(), of, most, named })
}

/// Red, green and blue planes of the picture's middle square.
fn write_planes(picture: &Picture, square: &Recipe, into: &mut [u8]) {
    let side = square.side;
    if (picture.width(), picture.height()) == (side, side) {
        let plane = (side as usize).pow(2);
        for (at, pixel) in picture.rgb().chunks_exact(3).enumerate() {
            for channel in 0..3 {
                into[channel * plane + at] = pixel[channel];
            }
        }
        return;
    }
    for (byte, value) in into.iter_mut().zip(square.prepare(picture)) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 255 by construction"
        )]
        let level = (value * 255.0).round().clamp(0.0, 255.0) as u8;
        *byte = level;
    }
}
