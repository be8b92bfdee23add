//! A picture sheet, so that a person can look at what the network is shown: one row a picture, the original first.
//!
//! Pictures go in as tensors, RGB bytes come out; writing them as a file is somebody else's.

use tch::{Kind, Tensor};

use super::{Draw, augment, draw_batch};
use crate::TrainError;
use crate::recipe::Views;

/// Small views are enlarged by whole pixels until they are about this wide.
const TILE_SIDE: i64 = 112;
/// White pixels around a tile.
const GAP: i64 = 2;

/// Originals and views, side by side.
#[derive(Debug)]
pub struct Sheet {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
    /// What was drawn, column by column: picture `indices[row]` at `column · indices.len() + row`.
    pub draws: Vec<Draw>,
}

impl Sheet {
    /// Column 0 shows each picture whole, column c > 0 its view (c − 1) mod 2 of epoch (c − 1) / 2: what training with
    /// `seed` makes of it, save that a blur's σ shared by a batch is shared by the sheet.
    ///
    /// `pictures` is N×3×H×H f32 in 0…1, in the order of `indices`, their places in the training set.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn new(
        pictures: &Tensor,
        indices: &[i64],
        recipe: &Views,
        seed: u64,
        columns: usize,
    ) -> Result<Self, TrainError> {
        let draws: Vec<Draw> = (0..columns.div_ceil(2) as u64)
            .flat_map(|epoch| draw_batch(recipe, seed, epoch, indices))
            .take(columns * indices.len())
            .collect();
        let whole = vec![Draw::whole(); indices.len()];
        let columns: Vec<Tensor> = std::iter::once(whole.as_slice())
            .chain(draws.chunks(indices.len().max(1)))
            .map(|column| augment(pictures, column, recipe))
            .collect::<Result<_, _>>()?;
        let sheet = lay_out(&Tensor::f_stack(&columns, 1)?)?;
        let (height, width, _) = sheet.size3()?;
        let rgb = Vec::<u8>::try_from(&sheet.f_flatten(0, -1)?)?;
        let pixels = |side: i64| u32::try_from(side).unwrap_or_default();
        Ok(Self { width: pixels(width), height: pixels(height), rgb, draws })
    }
}

/// Rows×columns×3×S×S in 0…1 → height×width×3 bytes.
fn lay_out(tiles: &Tensor) -> Result<Tensor, TrainError> {
    let &[rows, columns, _, side, _] = tiles.size().as_slice() else {
        return Err(TrainError::Torch(format!("tiles of shape {:?}", tiles.size())));
    };
    let times = (TILE_SIDE / side).max(1);
    let tiles = tiles.f_flatten(0, 1)?;
    let tiles =
        tiles.f_repeat_interleave_self_int(times, 2, None)?.f_repeat_interleave_self_int(times, 3, None)?;
    let tiles = tiles.f_pad([GAP, GAP, GAP, GAP], "constant", 1.0)?;
    let tile = times * side + 2 * GAP;
    let sheet = tiles.f_view([rows, columns, 3, tile, tile])?.f_permute([0, 3, 1, 4, 2])?;
    let sheet = sheet.f_reshape([rows * tile, columns * tile, 3])?;
    Ok(sheet.f_mul_scalar(255.0)?.f_round()?.f_clamp(0.0, 255.0)?.f_to_kind(Kind::Uint8)?)
}
