//! What is remembered of a picture to recognise it again: a checksum of its pixels, a hash of its shades, a small outline.

use sha2::{Digest, Sha256};
use simclr_models::{Filter, Picture, Recipe};

/// Rows and columns of an outline.
pub(super) const SIDE: usize = 32;
/// Rows and columns of the grid that is hashed.
const CELLS: usize = 8;

/// The shades of a picture's middle square, `SIDE`×`SIDE`, 0 to 1, row by row.
pub(super) type Shades = Vec<f32>;

/// What is remembered of one picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Print {
    /// SHA-256 of width, height and every pixel.
    pub(super) exact: [u8; 32],
    /// 56 bits: whether each cell of an 8×8 grid is brighter than its right neighbour.
    pub(super) hash: u64,
    /// The same of the picture mirrored.
    pub(super) mirrored_hash: u64,
    /// Its shades.
    pub(super) shades: Shades,
}

impl Print {
    pub(super) fn of(picture: &Picture) -> Self {
        let shades = shades(picture);
        let mirrored_hash = difference_hash(&mirror(&shades));
        Self { exact: exact(picture), hash: difference_hash(&shades), mirrored_hash, shades }
    }

    /// Bits in which the hashes differ, this picture mirrored or not.
    pub(super) fn bits_from(&self, other: &Self) -> u32 {
        let hashes = [self.hash, self.mirrored_hash];
        hashes.into_iter().map(|hash| (hash ^ other.hash).count_ones()).min().unwrap_or(u32::MAX)
    }
}

fn exact(picture: &Picture) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(picture.width().to_le_bytes());
    digest.update(picture.height().to_le_bytes());
    digest.update(picture.rgb());
    digest.finalize().into()
}

/// Brightness as ITU-R BT.601 weighs colours.
fn shades(picture: &Picture) -> Shades {
    #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
    let side = SIDE as u32;
    let recipe = Recipe { side, resize: side, filter: Filter::Bilinear, mean: [0.0; 3], deviation: [1.0; 3] };
    let planes = recipe.prepare(picture);
    let (red, rest) = planes.split_at(SIDE * SIDE);
    let (green, blue) = rest.split_at(SIDE * SIDE);
    let weighed = red.iter().zip(green).zip(blue).map(|((r, g), b)| 0.299 * r + 0.587 * g + 0.114 * b);
    weighed.collect()
}

/// Rows of `SIDE` numbers, each from right to left.
pub(super) fn mirror(rows: &[f32]) -> Vec<f32> {
    rows.chunks_exact(SIDE).flat_map(|row| row.iter().rev().copied()).collect()
}

fn difference_hash(shades: &[f32]) -> u64 {
    let cell = SIDE / CELLS;
    let mean = |row: usize, column: usize| -> f32 {
        let rows = shades.chunks_exact(SIDE).skip(row * cell).take(cell);
        rows.map(|r| r[column * cell..(column + 1) * cell].iter().sum::<f32>()).sum()
    };
    let mut hash = 0;
    for row in 0..CELLS {
        for column in 0..CELLS - 1 {
            hash = hash << 1 | u64::from(mean(row, column) > mean(row, column + 1));
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_see_pixels_and_shades() {
        let ramp = |flip: bool| {
            let level = |x: u32| u8::try_from(if flip { 252 - 4 * x } else { 4 * x }).unwrap();
            let rgb = (0..64 * 64).flat_map(|i| [level(i % 64); 3]).collect();
            Picture::new(64, 64, rgb).unwrap()
        };
        let (up, down) = (Print::of(&ramp(false)), Print::of(&ramp(true)));
        assert_eq!((up.hash, down.hash), (0, (1 << 56) - 1));
        assert_eq!((up.bits_from(&down), up.mirrored_hash), (0, down.hash));
        assert_ne!(up.exact, down.exact);
        assert!((up.shades[31] - 0.98).abs() < 0.02 && up.shades[0] < 0.02, "{:?}", &up.shades[..32]);
        let mut rgb = ramp(false).rgb().to_vec();
        rgb[5000] ^= 1;
        let touched = Print::of(&Picture::new(64, 64, rgb).unwrap());
        assert_eq!(touched.hash, up.hash);
        assert_ne!(touched.exact, up.exact);
    }
}
