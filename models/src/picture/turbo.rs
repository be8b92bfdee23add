//! JPEG pixels by libjpeg-turbo, with its defaults: accurate transform, smooth upsampling, so to the bit what Pillow gives.

use image::RgbImage;
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat};

/// An honest progressive file has about ten scans; thousands only take time.
const SCANS_MAX: u32 = 500;

/// The pixels, before EXIF orientation; nothing for CMYK, which it does not turn into RGB, and for what it stumbles over: the
/// other decoder reads that or says what is wrong.
pub(super) fn decode(bytes: &[u8], (width, height): (u32, u32)) -> Option<RgbImage> {
    let mut decompressor = Decompressor::new().ok()?;
    decompressor.set_scan_limit(SCANS_MAX).ok()?;
    let header = decompressor.read_header(bytes).ok()?;
    let inks = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    if inks || (header.width, header.height) != (width as usize, height as usize) {
        return None;
    }
    let mut rgb = RgbImage::new(width, height);
    let pixels: &mut [u8] = &mut rgb;
    let pitch = 3 * header.width;
    let output =
        Image { pixels, width: header.width, pitch, height: header.height, format: PixelFormat::RGB };
    decompressor.decompress(bytes, output).ok()?;
    Some(rgb)
}
