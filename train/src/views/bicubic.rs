//! Catmull-Rom sampling of a crop: two matrix products a picture, whose matrices hold four weights a row.
//!
//! Crops are rectangles along the picture's axes, so columns and rows are sampled one after the other. Weights are made
//! in f64 on the CPU; the products run where the pictures are. Knows nothing of what is random.

use tch::{Device, Kind, Tensor};

use super::Draw;
use crate::TrainError;
use crate::network::to_i64;
use crate::upload::upload;

/// Taps of the cubic.
const TAPS: usize = 4;

/// Where a view's pixels lie along one axis of its picture.
struct Axis {
    /// The crop's beginning and length as shares of the picture.
    start: f64,
    length: f64,
    /// Whether it is read backwards.
    mirrored: bool,
}

/// Samples each N×3×H×H picture's crop on a side×side grid, f32, clipped to 0…1.
///
/// The cubic is Keys' with a = −0.5. Taps beyond the picture count nothing and the others are scaled to sum to 1, as in
/// `tf.image.resize` (TensorFlow 2) and Pillow; like the former it does not widen when it shrinks.
///
/// # Errors
/// libtorch's words.
pub(super) fn sample(pictures: &Tensor, draws: &[Draw], side: u32) -> Result<Tensor, TrainError> {
    let (count, from, to) = (to_i64(draws.len()), pictures.size()[3], i64::from(side));
    let columns = |d: &Draw| Axis { start: d.crop.left, length: d.crop.width, mirrored: d.flip };
    let rows = |d: &Draw| Axis { start: d.crop.top, length: d.crop.height, mirrored: false };
    let device = pictures.device();
    let across = matrices(draws.iter().map(columns), from, side, device)?.f_transpose(1, 2)?;
    let down = matrices(draws.iter().map(rows), from, side, device)?;
    let x = pictures.f_reshape([count, 3 * from, from])?.f_bmm(&across)?;
    // Rows come first, so that one product serves the three channels.
    let x = x.f_view([count, 3, from, to])?.f_permute([0, 2, 1, 3])?.f_reshape([count, from, 3 * to])?;
    let x = down.f_bmm(&x)?.f_view([count, to, 3, to])?.f_permute([0, 2, 1, 3])?;
    Ok(x.f_contiguous()?.f_clamp(0.0, 1.0)?)
}

/// N×side×from: how much of each source pixel each sampled pixel is made of.
fn matrices(
    axes: impl ExactSizeIterator<Item = Axis>,
    from: i64,
    side: u32,
    device: Device,
) -> Result<Tensor, TrainError> {
    let (count, rows) = (axes.len(), side as usize);
    let mut places = Vec::with_capacity(count * rows * TAPS);
    let mut shares = Vec::with_capacity(count * rows * TAPS);
    for axis in axes {
        for step in 0..side {
            let step = f64::from(if axis.mirrored { side - 1 - step } else { step });
            let at = axis.start + axis.length * (step + 0.5) / f64::from(side);
            for (place, share) in taps(at, from) {
                places.push(place);
                #[expect(clippy::cast_possible_truncation, reason = "weights of about 1 at most")]
                shares.push(share as f32);
            }
        }
    }
    let shape = [to_i64(count), i64::from(side), to_i64(TAPS)];
    let places = upload(&Tensor::f_from_slice(&places)?.f_view(shape)?, device)?;
    let shares = upload(&Tensor::f_from_slice(&shares)?.f_view(shape)?, device)?;
    let zeros = Tensor::f_zeros([to_i64(count), i64::from(side), from], (Kind::Float, device))?;
    Ok(zeros.f_scatter_add(2, &places, &shares)?)
}

/// The pixels around the point `at` (a share of `from` pixels whose centres lie at halves) and their weights.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "places within a picture")]
fn taps(at: f64, from: i64) -> [(i64, f64); TAPS] {
    let centre = at * from as f64 - 0.5;
    let first = centre.floor() as i64 - 1;
    let mut taps = [(0, 0.0); TAPS];
    for (place, tap) in (first..).zip(&mut taps) {
        let is_inside = (0..from).contains(&place);
        *tap = (place.clamp(0, from - 1), if is_inside { keys(centre - place as f64) } else { 0.0 });
    }
    let sum: f64 = taps.iter().map(|tap| tap.1).sum();
    taps.map(|(place, weight)| (place, weight / sum))
}

/// Keys' cubic (1981) with a = −0.5, at a distance in pixels.
fn keys(distance: f64) -> f64 {
    let x = distance.abs();
    match x {
        ..1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        ..2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}
