//! Resizing as Pillow does it, to within one level: horizontal first, rounded to bytes, then vertical.
//!
//! Only the pixels that survive the cut are computed, so a picture of 50 million pixels in one row costs no more than its
//! middle.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::{Filter, Picture};

/// The middle `side`×`side` bytes×3 of the picture whose shorter side was resized to `shorter` (at least `side`).
pub(crate) fn resized_middle(picture: &Picture, shorter: u32, side: u32, filter: Filter) -> Vec<u8> {
    let (width, height) = (picture.width(), picture.height());
    let columns = Axis::new(width, resized_length(width, width.min(height), shorter), side);
    let rows = Axis::new(height, resized_length(height, width.min(height), shorter), side);
    let algorithm = match filter {
        Filter::Bicubic => FilterType::CatmullRom,
        Filter::Bilinear => FilterType::Bilinear,
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(algorithm)).use_alpha(false);

    let (first, last) = rows.needed();
    let row_len = width as usize * 3;
    let needed_rows = &picture.rgb()[first as usize * row_len..last as usize * row_len];
    let options_across = options.crop(columns.start, 0.0, columns.length, f64::from(last - first));
    let across = convolve(needed_rows, (width, last - first), (side, last - first), &options_across);
    let options_down = options.crop(0.0, rows.start - f64::from(first), f64::from(side), rows.length);
    convolve(&across, (side, last - first), (side, side), &options_down)
}

/// Typed by the pixel on purpose: the untyped call compiles every kind of pixel there is into this crate, a minute's work.
fn convolve(rgb: &[u8], from: (u32, u32), to: (u32, u32), options: &ResizeOptions) -> Vec<u8> {
    let mut bytes = vec![0; to.0 as usize * to.1 as usize * 3];
    let source = TypedImageRef::<U8x3>::from_buffer(from.0, from.1, rgb).expect("three bytes a pixel");
    let mut target = TypedImage::<U8x3>::from_buffer(to.0, to.1, &mut bytes).expect("three bytes a pixel");
    Resizer::new()
        .resize_typed(&source, &mut target, options)
        .expect("the part lies within the picture (see Axis)");
    bytes
}

/// The other side of a picture when its shorter side becomes `shorter`: rounded down, as torchvision does.
fn resized_length(length: u32, shortest: u32, shorter: u32) -> u64 {
    u64::from(shorter) * u64::from(length) / u64::from(shortest)
}

/// The part of one axis of the picture, in its own pixels, that becomes the middle `side` pixels after resizing.
///
/// It never reaches beyond the picture, not even by rounding: either nothing is cut off and it starts at exactly 0, or at
/// least one resized pixel lies beyond each end that is computed.
struct Axis {
    start: f64,
    length: f64,
    size: u32,
    reach: f64,
}

impl Axis {
    fn new(size: u32, resized: u64, side: u32) -> Self {
        /// How far a bicubic pixel looks, in pixels of the coarser picture, and one more for rounding.
        const REACH: f64 = 3.0;
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let scale = f64::from(size) / resized as f64;
        let cut = resized - u64::from(side);
        if cut == 0 {
            return Self { start: 0.0, length: f64::from(size), size, reach: 0.0 };
        }
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let start = half_to_even(cut) as f64 * scale;
        Self { start, length: f64::from(side) * scale, size, reach: REACH * scale.max(1.0) }
    }

    /// First and one past the last pixel that the result depends on.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept within 0..=size")]
    fn needed(&self) -> (u32, u32) {
        let first = (self.start - self.reach).floor().max(0.0) as u32;
        let last = (self.start + self.length + self.reach).ceil().min(f64::from(self.size)) as u32;
        (first, last)
    }
}

/// Half of `cut`, halves rounded to even, as Python's `round` does in torchvision's centre crop.
fn half_to_even(cut: u64) -> u64 {
    let half = cut / 2;
    if cut % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}
