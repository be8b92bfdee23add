//! An arrangement on disk: places by what a vector is, so that records that were replaced lose theirs and renamed ones do not.
//!
//! The file may be deleted at any time; one that cannot be read counts as none. Knows no collections and no HTTP.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a place: its key, and two numbers.
const PLACE: usize = 16;
const FORMAT: u32 = 1;

/// Places of vectors.
#[derive(Debug, PartialEq)]
pub(crate) struct Kept {
    /// Records that there were.
    pub(crate) records: usize,
    /// How many of them were arranged, and not placed among those.
    pub(crate) arranged: usize,
    /// How many have a place.
    pub(crate) placed: usize,
    places: HashMap<u64, [f32; 2]>,
}

/// The file's first line.
#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    records: usize,
    arranged: usize,
    placed: usize,
}

/// What a vector is known by; two different ones never meet in practice.
pub(super) fn key(vector: &[f32]) -> u64 {
    let mut hash = Sha256::new();
    vector.iter().for_each(|number| hash.update(number.to_le_bytes()));
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

impl Kept {
    pub(super) fn new(records: usize, arranged: usize, keys: &[u64], places: &[[f32; 2]]) -> Self {
        let placed = keys.len();
        let places = keys.iter().copied().zip(places.iter().copied()).collect();
        Self { records, arranged, placed, places }
    }

    /// Where a vector lies; nothing where it was not there.
    pub(crate) fn place(&self, vector: &[f32]) -> Option<[f32; 2]> {
        self.places.get(&key(vector)).copied()
    }

    /// Whether it still tells of a collection of so many records, so many of which have a place: at most a tenth left or came.
    pub(crate) fn is_current(&self, records: usize, placed: usize) -> bool {
        10 * placed >= 9 * self.placed && 10 * records <= 11 * self.records
    }

    /// Writes it beside its place and renames it.
    pub(super) fn save(&self, path: &Path) -> std::io::Result<()> {
        let Self { records, arranged, placed, .. } = *self;
        let head = serde_json::to_vec(&Head { format: FORMAT, records, arranged, placed })?;
        let mut bytes = head;
        bytes.push(b'\n');
        for (key, [x, y]) in &self.places {
            bytes.extend(key.to_le_bytes());
            bytes.extend(x.to_le_bytes());
            bytes.extend(y.to_le_bytes());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let beside = path.with_extension("part");
        std::fs::write(&beside, bytes)?;
        std::fs::rename(beside, path)
    }

    /// What is at the path, where that can be read.
    pub(super) fn load(path: &Path) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let Head { format, records, arranged, placed } = serde_json::from_slice(&bytes[..end]).ok()?;
        let (all, rest) = bytes[end + 1..].as_chunks::<PLACE>();
        if format != FORMAT || !rest.is_empty() {
            return None;
        }
        let number = |bytes: &[u8]| bytes.try_into().map(f32::from_le_bytes).ok();
        let place = |bytes: &[u8; PLACE]| {
            let key = bytes[..8].try_into().map(u64::from_le_bytes).ok()?;
            Some((key, [number(&bytes[8..12])?, number(&bytes[12..])?]))
        };
        Some(Self { records, arranged, placed, places: all.iter().filter_map(place).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again_and_damage_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("maps").join("m.map");
        let vectors = [[1.0, 2.0], [1.0, -2.0], [f32::MIN_POSITIVE, 0.0]];
        let keys: Vec<u64> = vectors.iter().map(|vector| key(vector)).collect();
        let kept = Kept::new(5, 2, &keys, &[[0.5, 1.0], [2.0, 3.0], [-1.0, 7.5]]);
        kept.save(&path).unwrap();
        let again = Kept::load(&path).unwrap();
        assert_eq!(again, kept);
        assert_eq!(again.place(&[1.0, -2.0]), Some([2.0, 3.0]));
        assert_eq!((again.place(&[1.0, 2.5]), again.place(&[2.0, 1.0])), (None, None));
        let bytes = std::fs::read(&path).unwrap();
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..3], b"", b"{}\n"] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(Kept::load(&path), None);
        }
    }

    #[test]
    fn it_is_current_until_a_tenth_has_changed() {
        let kept = Kept { records: 100, arranged: 100, placed: 100, places: HashMap::new() };
        assert!(kept.is_current(100, 100) && kept.is_current(110, 100) && kept.is_current(90, 90));
        assert!(!kept.is_current(111, 100) && !kept.is_current(100, 89));
    }
}
