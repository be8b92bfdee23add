//! Pictures that stay on disk: each batch is decoded on all cores when it is needed.
//!
//! A picture that turns out broken gives its place in the batch to the nearest one before it there that is not, label
//! and all, so that a batch stays a function of the seed and of the files.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use simclr_datasets::Sample;
use simclr_torchx::filled;
use tch::{Device, Tensor};

use super::decode::{self, Broken};
use crate::TrainError;
use crate::recipe::Data;
use crate::upload::upload;

/// Where pictures are, and which of them have turned out broken.
#[derive(Debug)]
pub(super) struct Streamed {
    samples: Vec<Sample>,
    side: u32,
    broken_max: f64,
    device: Device,
    /// Broken pictures by place, and whether they have been told.
    broken: Mutex<BTreeMap<usize, (Broken, bool)>>,
}

impl Streamed {
    pub(super) fn new(samples: &[Sample], data: &Data, device: Device) -> Self {
        let (side, broken_max) = (data.side, data.broken_max);
        Self { samples: samples.to_vec(), side, broken_max, device, broken: Mutex::default() }
    }

    /// Those at `places` as B×3×side×side u8 on the device, and the places that they are really from.
    pub(super) fn batch(&self, places: &[i64]) -> Result<(Tensor, Vec<i64>), TrainError> {
        let mut taken = places.to_vec();
        let place = |&place: &i64| usize::try_from(place).unwrap_or_default();
        let samples = places.iter().map(|p| &self.samples[place(p)]);
        let (pixels, broken) = filled(&decode::shape(places.len(), self.side), |bytes| {
            let broken = decode::all(samples, self.side, bytes);
            for (row, whole) in replace(bytes, &broken, decode::bytes_of(self.side)) {
                taken[row] = places[whole];
            }
            broken
        })
        .map_err(TrainError::Torch)?;
        if !broken.is_empty() {
            self.note(
                broken
                    .into_iter()
                    .map(|Broken { place: row, reason }| Broken { place: place(&places[row]), reason }),
            )?;
        }
        Ok((upload(&pixels, self.device)?, taken))
    }

    fn note(&self, broken: impl Iterator<Item = Broken>) -> Result<(), TrainError> {
        let mut known = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        for broken in broken {
            known.entry(broken.place).or_insert((broken, false));
        }
        let all: Vec<Broken> = known.values().map(|(broken, _)| broken.clone()).collect();
        decode::tolerate(&all, self.samples.len(), self.broken_max)
    }

    /// Broken pictures that have not been told yet.
    pub(super) fn take_news(&self) -> Vec<Broken> {
        let mut known = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let news = known.values_mut().filter(|(_, is_told)| !is_told);
        news.map(|(broken, is_told)| {
            *is_told = true;
            broken.clone()
        })
        .collect()
    }
}

/// Fills each broken row with the nearest whole one before it, going round, and says which that is; zeros stay where none
/// is whole.
fn replace(bytes: &mut [u8], broken: &[Broken], each: usize) -> Vec<(usize, usize)> {
    let rows = bytes.len() / each;
    let is_broken = |row: usize| broken.iter().any(|broken| broken.place == row);
    let mut replaced = vec![];
    for &Broken { place: row, .. } in broken {
        let whole = (1..rows).map(|back| (row + rows - back) % rows).find(|&other| !is_broken(other));
        if let Some(whole) = whole {
            bytes.copy_within(whole * each..(whole + 1) * each, row * each);
            replaced.push((row, whole));
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_row_takes_the_nearest_whole_one_before_it() {
        let at = |place| Broken { place, reason: String::new() };
        let mut bytes = [0, 0, 2, 2, 0, 0, 0, 0, 5, 5];
        assert_eq!(replace(&mut bytes, &[at(0), at(2), at(3)], 2), [(0, 4), (2, 1), (3, 1)]);
        assert_eq!(bytes, [5, 5, 2, 2, 2, 2, 2, 2, 5, 5]);
        let mut none = [0, 0];
        assert!(replace(&mut none, &[at(0), at(1)], 1).is_empty());
        assert_eq!(none, [0, 0]);
    }
}
