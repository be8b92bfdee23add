//! A picture made small, to be shown: as a file again, of at most a few kilobytes.

use image::ExtendedColorType::Rgb8;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageBuffer, ImageEncoder, Rgb, imageops};

use super::Picture;

/// Rows and columns of a thumbnail, at most.
const SIDE: u32 = 192;
/// Rows and columns up to which a thumbnail is kept without loss: smaller and sharper than as JPEG.
const LOSSLESS_SIDE: u32 = 64;
const JPEG_QUALITY: u8 = 82;

impl Picture {
    /// The bytes of a file of this picture in at most 192 rows and columns, in its own proportions: JPEG, or PNG to the bit up to
    /// 64; nothing where such a file cannot be written.
    pub fn thumbnail(&self) -> Option<Vec<u8>> {
        let (width, height) = (self.width, self.height);
        let longer = width.max(height);
        if longer <= LOSSLESS_SIDE {
            return self.to_png().ok();
        }
        let shrunk = |side: u32| match longer > SIDE {
            true => (u64::from(side) * u64::from(SIDE) / u64::from(longer)).max(1) as u32,
            false => side,
        };
        let (small_width, small_height) = (shrunk(width), shrunk(height));
        let view = ImageBuffer::<Rgb<u8>, &[u8]>::from_raw(width, height, &self.rgb)?;
        // Means of whole numbers, so that no copy in floats of a large picture is made.
        let small = imageops::thumbnail(&view, small_width, small_height);
        let mut encoded = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut encoded, JPEG_QUALITY);
        encoder.write_image(small.as_raw(), small_width, small_height, Rgb8).ok()?;
        Some(encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    fn made(width: u32, height: u32) -> (Picture, Picture) {
        let pixel = |i: u32| [(i * 7) as u8, (i / width) as u8, 90];
        let picture = Picture::new(width, height, (0..width * height).flat_map(pixel).collect());
        let picture = picture.expect("a picture");
        let small = decoded(&picture);
        (picture, small)
    }

    fn decoded(picture: &Picture) -> Picture {
        let small = picture.thumbnail().expect("it can be written");
        Picture::decode(&small, &Limits::default()).expect("a picture")
    }

    #[test]
    fn small_ones_are_kept_to_the_bit_and_large_ones_shrunk_in_proportion() {
        let (picture, small) = made(64, 40);
        assert_eq!(small, picture);
        for ((width, height), expected) in
            [((65, 20), (65, 20)), ((192, 192), (192, 192)), ((400, 100), (192, 48)), ((1, 3000), (1, 192))]
        {
            let small = made(width, height).1;
            assert_eq!((small.width(), small.height()), expected, "{width}×{height}");
        }
    }

    #[test]
    fn it_is_the_mean_of_what_it_shows() {
        let rows = |y: u32| if y.is_multiple_of(2) { [40, 80, 200] } else { [60, 120, 100] };
        let rgb = (0..400 * 400).flat_map(|i: u32| rows(i / 400)).collect();
        let small = decoded(&Picture::new(400, 400, rgb).expect("a picture"));
        for (channel, expected) in [(0, 50.0), (1, 100.0), (2, 150.0)] {
            let values = small.rgb().iter().skip(channel).step_by(3);
            let sum: f64 = values.map(|&value| f64::from(value)).sum();
            let mean = sum / f64::from(small.width() * small.height());
            assert!((mean - expected).abs() < 4.0, "{channel}: {mean}");
        }
    }
}
