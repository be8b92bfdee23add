//! Pictures for tests: drawn ones of classes that differ, and, where they are at hand, real ones of CIFAR-10.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use simclr_models::{Limits, Picture};

/// Side of every picture made here, in pixels.
pub const SIDE: u32 = 32;

/// The ten classes of CIFAR-10, by label.
pub const CIFAR10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// A drawn picture of a class: stripes whose colour and direction say which, and whose place says which of them.
pub fn drawn(class: u32, index: u32) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let along = if class.is_multiple_of(2) { x + index } else { y + 2 * index };
        let light = if (along / (3 + class)).is_multiple_of(2) { 220 } else { 60 };
        let mut pixel = [40 + 5 * (index % 9) as u8; 3];
        pixel[class as usize % 3] = light - (index % 7) as u8;
        image::Rgb(pixel)
    })
}

/// A picture as the bytes of a file.
pub fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("a small picture is encoded");
    bytes.into_inner()
}

/// A drawn picture as a PNG file.
pub fn png(class: u32, index: u32) -> Vec<u8> {
    encoded(&drawn(class, index), ImageFormat::Png)
}

/// A PNG file of a few bytes whose header promises `side`×`side` pixels.
pub fn boundless_png(side: u32) -> Vec<u8> {
    let mut bytes = png(0, 0);
    bytes[16..20].copy_from_slice(&side.to_be_bytes());
    bytes[20..24].copy_from_slice(&side.to_be_bytes());
    // The header's own check sum, so that only its size is out of the ordinary.
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// The folder of real pictures, if `SIMCLR_TEST_DATA` names one; says loudly when it does not.
pub fn real_pictures(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SIMCLR_TEST_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED: {test} needs real pictures; set SIMCLR_TEST_DATA to their folder");
    }
    folder
}

/// The first `count` pictures of a class of CIFAR-10, from the mosaic `<split>-<label>-<class>-0.webp` of 32×32 tiles.
pub fn cifar10(folder: &Path, split: &str, label: usize, count: u32) -> Vec<RgbImage> {
    let path = folder.join("cifar10").join(format!("{split}-{label}-{}-0.webp", CIFAR10[label]));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mosaic = Picture::decode(&bytes, &Limits::default()).expect("a mosaic is a picture");
    let whole = RgbImage::from_raw(mosaic.width(), mosaic.height(), mosaic.rgb().to_vec()).expect("its size");
    let columns = mosaic.width() / SIDE;
    let tile = |i: u32| {
        image::imageops::crop_imm(&whole, i % columns * SIDE, i / columns * SIDE, SIDE, SIDE).to_image()
    };
    (0..count).map(tile).collect()
}
