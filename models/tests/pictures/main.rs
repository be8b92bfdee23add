//! Decoding: what people send, and what they should not have.

mod refused;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, Frame, GrayImage, ImageBuffer, ImageEncoder, ImageFormat, Luma, Rgb, RgbImage, Rgba,
    RgbaImage,
};
use simclr_models::{Filter, Limits, Picture, PictureError, Recipe};

const FORMATS: [ImageFormat; 5] =
    [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp];

fn decode(bytes: &[u8]) -> Result<Picture, PictureError> {
    Picture::decode(bytes, &Limits::default())
}

fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.into().write_to(&mut bytes, format).expect("the encoder takes it");
    bytes.into_inner()
}

/// Red grows to the right, green downwards, so that turning it shows.
fn ramp(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 60]))
}

fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
    let at = ((y * picture.width() + x) * 3) as usize;
    [picture.rgb()[at], picture.rgb()[at + 1], picture.rgb()[at + 2]]
}

#[test]
fn every_format_gives_back_its_pixels() {
    for format in FORMATS {
        let picture = decode(&encode(ramp(40, 30), format)).unwrap();
        assert_eq!((picture.width(), picture.height()), (40, 30), "{format:?}");
        let apart = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let allowed = if matches!(format, ImageFormat::Jpeg | ImageFormat::Gif) { 40 } else { 0 };
        let worst = apart(picture.rgb(), ramp(40, 30).as_raw());
        assert!(worst <= allowed, "{format:?}: {worst}");
    }
    assert_eq!(decode(&encode(ramp(1, 1), ImageFormat::Png)).unwrap().rgb(), [0, 0, 60]);
}

#[test]
fn a_png_of_ours_is_read_back_as_it_was() {
    let ramp = ramp(37, 11);
    let picture = Picture::new(37, 11, ramp.into_raw()).unwrap();
    let png = picture.to_png().unwrap();
    assert!(png.starts_with(b"\x89PNG"));
    assert_eq!(decode(&png).unwrap(), picture);
}

#[test]
fn depth_and_colour_become_eight_bit_rgb() {
    let deep: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_pixel(3, 2, Rgb([65535, 32896, 257]));
    assert_eq!(pixel(&decode(&encode(deep, ImageFormat::Png)).unwrap(), 2, 1), [255, 128, 1]);
    let gray: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_pixel(3, 2, Luma([32896]));
    assert_eq!(pixel(&decode(&encode(gray, ImageFormat::Png)).unwrap(), 0, 0), [128; 3]);
    let gray = GrayImage::from_pixel(9, 9, Luma([77]));
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        assert_eq!(pixel(&decode(&encode(gray.clone(), format)).unwrap(), 4, 4), [77; 3], "{format:?}");
    }
}

#[test]
fn what_is_transparent_lies_on_white() {
    let of = |alpha| RgbaImage::from_pixel(2, 2, Rgba([200, 0, 100, alpha]));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let shown = |alpha| pixel(&decode(&encode(of(alpha), format)).unwrap(), 1, 1);
        assert_eq!(shown(0), [255; 3], "{format:?}");
        assert_eq!(shown(255), [200, 0, 100], "{format:?}");
        assert_eq!(shown(51), [244, 204, 224], "{format:?}");
    }
}

#[test]
fn of_an_animation_the_first_frame_is_taken() {
    let mut bytes = vec![];
    let mut encoder = GifEncoder::new(&mut bytes);
    for shade in [Rgba([250, 0, 0, 255]), Rgba([0, 250, 0, 255])] {
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(8, 8, shade))).unwrap();
    }
    drop(encoder);
    let [red, green, _] = pixel(&decode(&bytes).unwrap(), 4, 4);
    assert!(red > 200 && green < 50, "{red} {green}");
}

/// A JPEG that says how the camera was held.
fn jpeg_held(orientation: u8) -> Vec<u8> {
    let exif =
        [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[orientation, 0, 0, 0], &[0; 4]];
    let mut bytes = vec![];
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif.concat()).expect("JPEG holds EXIF");
    encoder.encode_image(&ramp(64, 32)).expect("the encoder takes it");
    bytes
}

#[test]
fn a_turned_camera_is_turned_back() {
    // Where the stored picture's top left corner is shown: (right, down).
    let shown = [
        (1, (0, 0)),
        (2, (1, 0)),
        (3, (1, 1)),
        (4, (0, 1)),
        (5, (0, 0)),
        (6, (1, 0)),
        (7, (1, 1)),
        (8, (0, 1)),
    ];
    for (orientation, (right, down)) in shown {
        let picture = decode(&jpeg_held(orientation)).unwrap();
        let (width, height) = (picture.width(), picture.height());
        assert_eq!((width, height), if orientation < 5 { (64, 32) } else { (32, 64) }, "{orientation}");
        let [red, green, _] = pixel(&picture, right * (width - 1), down * (height - 1));
        assert!(red < 30 && green < 30, "{orientation}: {red} {green}");
    }
}

#[test]
fn a_cmyk_jpeg_shows_its_colours() {
    let picture = decode(include_bytes!("../golden/cmyk.jpg")).unwrap();
    let near = |at: u32, expected: [u8; 3]| {
        let found = pixel(&picture, at, 8);
        assert!(
            found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 12),
            "{at}: {found:?}, not {expected:?}"
        );
    };
    near(8, [255, 0, 0]);
    near(24, [0, 128, 0]);
    near(40, [255, 255, 255]);
}

/// Found by mutation: an animation whose first frame is a lossy picture of no pixels behind an alpha channel.
#[test]
fn a_file_that_makes_its_decoder_panic_is_broken() {
    let found = decode(include_bytes!("../golden/frame-of-nothing.webp"));
    assert!(matches!(found, Err(PictureError::Broken { format: "WebP", .. })), "{found:?}");
}

#[test]
fn pixels_must_match_their_size() {
    assert!(Picture::new(2, 2, vec![0; 12]).is_ok());
    for (width, height, length) in [(2, 2, 11), (0, 5, 0), (u32::MAX, u32::MAX, 3)] {
        assert!(matches!(
            Picture::new(width, height, vec![0; length]),
            Err(PictureError::WrongLength { .. })
        ));
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn real_photographs_are_decoded() {
    let Some(data) = std::env::var_os("SIMCLR_TEST_DATA") else {
        eprintln!("SKIPPED: SIMCLR_TEST_DATA is not set, so no real photograph was decoded");
        return;
    };
    let mut files = vec![];
    files_below(&Path::new(&data).join("transfer"), &mut files);
    let is_picture = |path: &PathBuf| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("jpg"));
    let pictures: Vec<_> = files.into_iter().filter(is_picture).collect();
    assert!(pictures.len() > 500, "{} pictures under {}", pictures.len(), Path::new(&data).display());
    for path in &pictures {
        let picture = decode(&fs::read(path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(picture.width() > 31 && picture.height() > 31, "{}: {picture:?}", path.display());
    }
    for (name, magic) in [("Abyssinian_34.jpg", b"GIF8"), ("Abyssinian_5.jpg", b"\x89PNG")] {
        let path = pictures.iter().find(|p| p.ends_with(name)).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(fs::read(path).unwrap().starts_with(magic), "{name} is another file than expected");
    }
}
