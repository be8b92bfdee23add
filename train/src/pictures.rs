//! The training set in memory: one u8 tensor N×3×side×side, and the order in which an epoch visits it.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use simclr_datasets::Sample;
use simclr_models::{Filter, Limits, Picture, Recipe};
use tch::{Device, Tensor};

use crate::TrainError;
use crate::network::to_i64;

/// Memory that the pictures may take, in bytes.
const BYTES_MAX: usize = 16 << 30;

/// Unlabelled pictures on the training device.
#[derive(Debug)]
pub struct Pictures {
    pixels: Tensor,
}

impl Pictures {
    /// Decodes every sample on all cores and keeps the middle square of each, `side` pixels wide.
    ///
    /// # Errors
    /// Names the first picture that cannot be read; or says that there are none, or too many for memory.
    pub fn load(samples: &[Sample], side: u32, device: Device) -> Result<Self, TrainError> {
        let each = 3 * (side as usize).pow(2);
        if samples.is_empty() {
            return Err(TrainError::Recipe("the dataset's training split holds no picture".into()));
        }
        if samples.len() * each > BYTES_MAX {
            return Err(TrainError::Recipe(format!(
                "{} pictures of {side}×{side} need {} GiB of memory, {} GiB is the limit; lower data.side",
                samples.len(),
                (samples.len() * each) >> 30,
                BYTES_MAX >> 30
            )));
        }
        let square =
            Recipe { side, resize: side, filter: Filter::Bicubic, mean: [0.0; 3], deviation: [1.0; 3] };
        let mut bytes = vec![0u8; samples.len() * each];
        bytes.par_chunks_mut(each).zip(samples).try_for_each(|(into, sample)| {
            write_planes(&sample.load(&Limits::default())?, &square, into);
            Ok::<_, TrainError>(())
        })?;
        let shape = [to_i64(samples.len()), 3, i64::from(side), i64::from(side)];
        let pixels = Tensor::f_from_slice(&bytes)?.f_view(shape)?.f_to_device(device)?;
        Ok(Self { pixels })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        usize::try_from(self.pixels.size()[0]).expect("a size is not negative")
    }

    /// Never true: loading refuses an empty split.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those at `indices` as B×3×side×side f32 in 0…1.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn batch(&self, indices: &[i64]) -> Result<Tensor, TrainError> {
        let chosen = Tensor::f_from_slice(indices)?.f_to_device(self.pixels.device())?;
        Ok(self.pixels.f_index_select(0, &chosen)?.f_to_kind(tch::Kind::Float)?.f_div_scalar(255.0)?)
    }
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

/// The order in which epoch `epoch` visits `count` pictures: a permutation fixed by the seed and the epoch alone.
pub fn order(count: usize, seed: u64, epoch: u64) -> Vec<i64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ (epoch + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut order: Vec<i64> = (0..to_i64(count)).collect();
    order.shuffle(&mut random);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_visits_each_picture_once_in_an_order_of_its_own() {
        let mut first = order(100, 3, 0);
        assert_eq!(first, order(100, 3, 0));
        assert_ne!(first, order(100, 3, 1));
        assert_ne!(first, order(100, 4, 0));
        first.sort_unstable();
        assert_eq!(first, (0..100).collect::<Vec<_>>());
    }
}
