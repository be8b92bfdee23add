//! What a collection keeps of pictures, made of their bytes: what they hash to, themselves, and a small one to show.

use bytes::Bytes;
use image::ExtendedColorType::Rgb8;
use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use rayon::prelude::*;
use simclr_models::{Limits, Picture};
use simclr_search::{ContentHash, Keep, Pictured};

/// Rows and columns of a thumbnail, at most.
const SIDE: u32 = 192;
/// Rows and columns up to which a thumbnail is kept without loss: smaller and sharper than as JPEG.
const LOSSLESS_SIDE: u32 = 64;
const JPEG_QUALITY: u8 = 82;

/// What is to be kept of each picture; several at a time, as a thumbnail takes decoding it.
///
/// One that cannot be decoded has no thumbnail: whoever embeds it says why.
pub(crate) fn pictured(pictures: &[Bytes], keep: Keep, limits: &Limits) -> Vec<Pictured> {
    let one = |bytes: &Bytes| Pictured {
        content: ContentHash::of(bytes),
        thumbnail: if keep.thumbnails { thumbnail(bytes, limits) } else { None },
        original: keep.originals.then(|| bytes.to_vec()),
    };
    pictures.par_iter().map(one).collect()
}

/// A small picture of a picture; nothing where it cannot be decoded.
pub(crate) fn thumbnail(bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let picture = Picture::decode(bytes, limits).ok()?;
    let (width, height) = (picture.width(), picture.height());
    if width.max(height) <= LOSSLESS_SIDE {
        return picture.to_png().ok();
    }
    let shrunk = |side: u32| (u64::from(side) * u64::from(SIDE) / u64::from(width.max(height))).max(1) as u32;
    let (small_width, small_height) =
        if width.max(height) <= SIDE { (width, height) } else { (shrunk(width), shrunk(height)) };
    let view = image::ImageBuffer::<image::Rgb<u8>, &[u8]>::from_raw(width, height, picture.rgb())?;
    let small = resize(&view, small_width, small_height, FilterType::Triangle);
    let mut encoded = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut encoded, JPEG_QUALITY);
    encoder.write_image(small.as_raw(), small_width, small_height, Rgb8).ok()?;
    Some(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(width: u32, height: u32) -> (Picture, Vec<u8>) {
        let pixel = |i: u32| [(i * 7) as u8, (i / width) as u8, 90];
        let picture =
            Picture::new(width, height, (0..width * height).flat_map(pixel).collect()).expect("a picture");
        let bytes = Bytes::from(picture.to_png().expect("encoded"));
        let keep = Keep { thumbnails: true, originals: true };
        let [Pictured { content, thumbnail, original }] =
            <[Pictured; 1]>::try_from(pictured(std::slice::from_ref(&bytes), keep, &Limits::default()))
                .expect("one");
        assert_eq!((content, original.as_deref()), (ContentHash::of(&bytes), Some(&bytes[..])));
        (picture, thumbnail.expect("it can be decoded"))
    }

    #[test]
    fn small_ones_are_kept_to_the_bit_and_large_ones_shrunk_in_proportion() {
        let decode = |bytes: &[u8]| Picture::decode(bytes, &Limits::default()).expect("a picture");
        let (picture, thumbnail) = kept(64, 40);
        assert_eq!(decode(&thumbnail), picture);
        for ((width, height), expected) in
            [((65, 20), (65, 20)), ((192, 192), (192, 192)), ((400, 100), (192, 48)), ((1, 3000), (1, 192))]
        {
            let small = decode(&kept(width, height).1);
            assert_eq!((small.width(), small.height()), expected, "{width}×{height}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_has_no_thumbnail() {
        let keep = Keep { thumbnails: true, originals: false };
        let kept = pictured(&[Bytes::from_static(b"no picture")], keep, &Limits::default());
        assert_eq!((kept[0].thumbnail.as_ref(), kept[0].original.as_ref()), (None, None));
    }
}
