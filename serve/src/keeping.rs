//! What a collection keeps of pictures, made of their bytes: what they hash to, themselves, and a small one to show.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use image::ExtendedColorType::Rgb8;
use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::imageops;
use simclr_models::{Limits, Picture};
use simclr_search::{ContentHash, Keep, Pictured};
use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// Rows and columns of a thumbnail, at most.
const SIDE: u32 = 192;
/// Rows and columns up to which a thumbnail is kept without loss: smaller and sharper than as JPEG.
const LOSSLESS_SIDE: u32 = 64;
const JPEG_QUALITY: u8 = 82;

/// Makes thumbnails on the threads that decode, no more of them at once than there is room for.
#[derive(Clone)]
pub(crate) struct Keeper {
    room: Arc<Semaphore>,
    limits: Limits,
}

impl Keeper {
    /// `room` is for as many pictures as are decoded at once.
    pub(crate) fn new(room: Arc<Semaphore>, limits: &crate::config::Limits) -> Self {
        let limits = Limits { bytes_max: limits.picture_bytes_max, pixels_max: limits.picture_pixels_max };
        Self { room, limits }
    }

    /// What is to be kept of pictures, in their order.
    ///
    /// One that cannot be decoded has no thumbnail: whoever embeds it says why.
    pub(crate) async fn pictured(
        &self,
        pictures: Vec<(ContentHash, Bytes)>,
        keep: Keep,
    ) -> Result<Vec<Pictured>, JoinError> {
        let one = async |(content, bytes): (ContentHash, Bytes)| {
            let thumbnail = if keep.thumbnails { self.thumbnail(bytes.clone()).await? } else { None };
            Ok(Pictured { content, thumbnail, original: keep.originals.then(|| bytes.into()) })
        };
        if keep == Keep::default() {
            return Ok(Vec::new());
        }
        try_join_all(pictures.into_iter().map(one)).await
    }

    /// A small picture of a picture; nothing where it cannot be decoded.
    pub(crate) async fn thumbnail(&self, bytes: Bytes) -> Result<Option<Vec<u8>>, JoinError> {
        let (room, limits) = (Arc::clone(&self.room).acquire_owned().await, self.limits);
        // The place travels with the work: what goes on for a caller who left counts.
        let work = tokio::task::spawn_blocking(move || {
            let _room = room;
            thumbnail(&bytes, &limits)
        });
        work.await
    }
}

fn thumbnail(bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let picture = Picture::decode(bytes, limits).ok()?;
    let (width, height) = (picture.width(), picture.height());
    let longer = width.max(height);
    if longer <= LOSSLESS_SIDE {
        return picture.to_png().ok();
    }
    let shrunk = |side: u32| match longer > SIDE {
        true => (u64::from(side) * u64::from(SIDE) / u64::from(longer)).max(1) as u32,
        false => side,
    };
    let (small_width, small_height) = (shrunk(width), shrunk(height));
    let view = image::ImageBuffer::<image::Rgb<u8>, &[u8]>::from_raw(width, height, picture.rgb())?;
    // Means of whole numbers, so that no copy in floats of a large picture is made.
    let small = imageops::thumbnail(&view, small_width, small_height);
    let mut encoded = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut encoded, JPEG_QUALITY);
    encoder.write_image(small.as_raw(), small_width, small_height, Rgb8).ok()?;
    Some(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(width: u32, height: u32) -> (Picture, Vec<u8>) {
        let pixel = |i: u32| [(i * 7) as u8, (i / width) as u8, 90];
        let picture =
            Picture::new(width, height, (0..width * height).flat_map(pixel).collect()).expect("a picture");
        let bytes = picture.to_png().expect("encoded");
        let small = thumbnail(&bytes, &Limits::default()).expect("it can be decoded");
        (picture, small)
    }

    #[test]
    fn small_ones_are_kept_to_the_bit_and_large_ones_shrunk_in_proportion() {
        let decode = |bytes: &[u8]| Picture::decode(bytes, &Limits::default()).expect("a picture");
        let (picture, thumbnail) = made(64, 40);
        assert_eq!(decode(&thumbnail), picture);
        for ((width, height), expected) in
            [((65, 20), (65, 20)), ((192, 192), (192, 192)), ((400, 100), (192, 48)), ((1, 3000), (1, 192))]
        {
            let small = decode(&made(width, height).1);
            assert_eq!((small.width(), small.height()), expected, "{width}×{height}");
        }
    }

    #[test]
    fn a_thumbnail_is_the_mean_of_what_it_shows() {
        let rows = |y: u32| if y.is_multiple_of(2) { [40, 80, 200] } else { [60, 120, 100] };
        let rgb = (0..400 * 400).flat_map(|i: u32| rows(i / 400)).collect();
        let picture = Picture::new(400, 400, rgb).expect("a picture");
        let small = thumbnail(&picture.to_png().expect("encoded"), &Limits::default()).expect("decoded");
        let small = Picture::decode(&small, &Limits::default()).expect("a picture");
        let mean = |channel: usize| {
            let values = small.rgb().iter().skip(channel).step_by(3);
            values.map(|&value| f64::from(value)).sum::<f64>() / f64::from(small.width() * small.height())
        };
        for (channel, expected) in [(0, 50.0), (1, 100.0), (2, 150.0)] {
            assert!((mean(channel) - expected).abs() < 4.0, "{channel}: {}", mean(channel));
        }
    }

    #[test]
    fn what_cannot_be_decoded_has_no_thumbnail() {
        assert_eq!(thumbnail(b"no picture", &Limits::default()), None);
        let large = Picture::new(100, 100, vec![0; 30_000]).expect("a picture").to_png().expect("encoded");
        assert_eq!(thumbnail(&large, &Limits { pixels_max: 9_999, ..Limits::default() }), None);
    }
}
