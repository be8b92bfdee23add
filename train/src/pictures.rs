//! The training set: in memory as one u8 tensor N×3×side×side, or decoded batch by batch from disk where it does not fit;
//! and the order in which an epoch visits it.
//!
//! Both ways give the same numbers. A picture that cannot be read is left out, named and counted, up to
//! `data.broken_max`; places of the others do not change, so order and views stay functions of the seed.

mod decode;
mod identity;
mod room;
mod streamed;

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use simclr_datasets::{Sample, class_labels};
use simclr_torchx::filled;
use tch::{Device, Kind, Tensor};

use crate::TrainError;
use crate::network::to_i64;
use crate::recipe::{Data, Resident};
use crate::upload::upload;
use streamed::Streamed;

pub use decode::Broken;
pub use identity::Identity;

/// Labelled pictures for a training device.
#[derive(Debug)]
pub struct Pictures {
    store: Store,
    count: usize,
    identity: Arc<Identity>,
    left_out: Arc<BTreeSet<usize>>,
    broken: Vec<Broken>,
    /// One int64 a place, on the training device.
    labels: Tensor,
    classes: usize,
}

#[derive(Debug)]
enum Store {
    /// N×3×side×side u8 on the training device.
    Resident(Tensor),
    Streamed(Arc<Streamed>),
}

impl Pictures {
    /// Makes ready the middle square of every sample, `data.side` pixels wide; resident ones are decoded now, on all cores.
    ///
    /// # Errors
    /// When there are none, or more than `data.broken_max` of them cannot be read: with the first few names and reasons.
    pub fn load(samples: &[Sample], data: &Data, device: Device) -> Result<Self, TrainError> {
        if samples.is_empty() {
            return Err(TrainError::Recipe("the dataset's training split holds no picture".into()));
        }
        let (count, identity) = (samples.len(), Arc::new(Identity::of(samples)));
        // Only some objectives read labels, and only they refuse pictures that may show several classes.
        let labels = class_labels(samples).ok();
        let classes = labels.iter().flatten().max().map_or(0, |&label| label + 1);
        let labels = labels.unwrap_or_else(|| vec![0; count]);
        let labels: Vec<i64> = labels.into_iter().map(to_i64).collect();
        let labels = Tensor::f_from_slice(&labels)?.f_to_device(device)?;
        let fits = room::is_there_for(count * decode::bytes_of(data.side));
        if data.resident == Resident::Never || (data.resident == Resident::Auto && !fits) {
            let store = Store::Streamed(Arc::new(Streamed::new(samples, data, device)));
            let left_out = Arc::default();
            return Ok(Self { store, count, identity, left_out, broken: vec![], labels, classes });
        }
        let write = |into: &mut [u8]| decode::all(samples.iter(), data.side, into);
        let (pixels, broken) = filled(&decode::shape(count, data.side), write).map_err(TrainError::Torch)?;
        decode::tolerate(&broken, count, data.broken_max)?;
        let left_out = Arc::new(broken.iter().map(|broken| broken.place).collect());
        let store = Store::Resident(pixels.f_to_device(device)?);
        Ok(Self { store, count, identity, left_out, broken, labels, classes })
    }

    /// Leaves places out of every epoch.
    pub fn leave_out(&mut self, places: &[usize]) {
        let left_out = self.left_out.iter().chain(places).copied();
        self.left_out = Arc::new(left_out.filter(|&place| place < self.count).collect());
    }

    /// The same pictures for another thread.
    pub(crate) fn share(&self) -> Self {
        let store = match &self.store {
            Store::Resident(pixels) => Store::Resident(pixels.shallow_clone()),
            Store::Streamed(streamed) => Store::Streamed(Arc::clone(streamed)),
        };
        let (identity, left_out) = (Arc::clone(&self.identity), Arc::clone(&self.left_out));
        let (count, labels, classes) = (self.count, self.labels.shallow_clone(), self.classes);
        Self { store, count, identity, left_out, broken: vec![], labels, classes }
    }

    /// Which they are.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How many an epoch visits.
    pub fn len(&self) -> usize {
        self.count - self.left_out.len()
    }

    /// Whether no picture is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many classes they are of: one more than the largest label; 0 where a picture may show several.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Whether they are in memory.
    pub fn is_resident(&self) -> bool {
        matches!(self.store, Store::Resident(_))
    }

    /// Whether they are in the memory of the processor that trains.
    pub(crate) fn is_at_hand(&self) -> bool {
        self.is_resident() && self.labels.device() == Device::Cpu
    }

    /// Those that could not be read when they were loaded.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// Streamed ones that turned out broken since the last call.
    pub(crate) fn newly_broken(&self) -> Vec<Broken> {
        match &self.store {
            Store::Resident(_) => vec![],
            Store::Streamed(streamed) => streamed.take_news(),
        }
    }

    /// The places that epoch `epoch` visits, each once: a permutation fixed by seed and epoch, less those left out.
    pub fn order(&self, seed: u64, epoch: u64) -> Vec<i64> {
        let mut order = order(self.count, seed, epoch);
        order.retain(|&place| !usize::try_from(place).is_ok_and(|place| self.left_out.contains(&place)));
        order
    }

    /// Those at `places` as B×3×side×side f32 in 0…1, and their labels as B int64.
    ///
    /// # Errors
    /// libtorch's words; when streamed, that too many pictures cannot be read.
    pub fn batch(&self, places: &[i64]) -> Result<(Tensor, Tensor), TrainError> {
        let chosen = |places: &[i64]| upload(&Tensor::f_from_slice(places)?, self.labels.device());
        let (bytes, places) = match &self.store {
            Store::Resident(pixels) => {
                let places = chosen(places)?;
                (pixels.f_index_select(0, &places)?, places)
            }
            Store::Streamed(streamed) => {
                let (bytes, taken) = streamed.batch(places)?;
                (bytes, chosen(&taken)?)
            }
        };
        let pictures = bytes.f_to_kind(Kind::Float)?.f_div_scalar(255.0)?;
        Ok((pictures, self.labels.f_index_select(0, &places)?))
    }
}

/// A permutation of `count` places fixed by the seed and the epoch alone.
fn order(count: usize, seed: u64, epoch: u64) -> Vec<i64> {
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
