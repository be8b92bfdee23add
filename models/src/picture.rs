//! Bytes of a picture file in, 8-bit RGB out, and back as PNG. Limits come before decoding; refuses to know where the bytes
//! came from.
//!
//! The format is found by the first bytes, never by a name. EXIF orientation is applied. A transparent picture is laid on
//! white, as a web page shows it. 16-bit samples are scaled to 8 bits, gray becomes equal red, green and blue, CMYK becomes
//! RGB; colour profiles are ignored. Of an animation the first frame is taken. JPEG pixels are those of the image crate's
//! decoder, or of libjpeg-turbo where it was built in.

mod jpeg;
mod thumbnail;
#[cfg(feature = "libjpeg-turbo")]
mod turbo;

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Rgb, RgbImage,
};

/// A decoded picture: 8-bit red, green, blue, row by row from the top left; never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

/// What a picture may cost; checked before its pixels are decoded.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest file, in bytes.
    pub bytes_max: usize,
    /// Largest width × height.
    pub pixels_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 20 << 20, pixels_max: 50_000_000 }
    }
}

/// Why bytes did not become a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Send the file's bytes.
    #[error("the picture is empty: zero bytes")]
    Empty,
    /// Send a smaller file, or raise the limit.
    #[error("the picture has {bytes} bytes, more than the limit of {limit}")]
    TooManyBytes {
        /// The file's size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Convert the file to one of the formats named.
    #[error("not a picture that can be read: give JPEG, PNG, WebP, GIF or BMP")]
    UnknownFormat,
    /// Shrink the picture, or raise the limit.
    #[error("the picture is {width}×{height} pixels, more than the limit of {limit} in all")]
    TooManyPixels {
        /// Columns its header announces.
        width: u32,
        /// Rows its header announces.
        height: u32,
        /// The limit.
        limit: u64,
    },
    /// The file is damaged or incomplete: send it again.
    #[error("broken {format}: {reason}")]
    Broken {
        /// What it claims to be.
        format: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// The caller's own mistake: pass width × height × 3 bytes.
    #[error(
        "{found} bytes where a {width}×{height} RGB picture has {expected}; pictures have at least one pixel"
    )]
    WrongLength {
        /// Columns said.
        width: u32,
        /// Rows said.
        height: u32,
        /// Bytes given.
        found: usize,
        /// Bytes needed.
        expected: u64,
    },
}

impl Picture {
    /// Takes pixels that are already decoded.
    ///
    /// # Errors
    /// When the length is not width × height × 3, or there is no pixel.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, PictureError> {
        let expected = u64::from(width).saturating_mul(u64::from(height)).saturating_mul(3);
        if expected == 0 || rgb.len() as u64 != expected {
            return Err(PictureError::WrongLength { width, height, found: rgb.len(), expected });
        }
        Ok(Self { width, height, rgb })
    }

    /// Decodes a JPEG, PNG, WebP, GIF or BMP file.
    ///
    /// # Errors
    /// When the bytes are over a limit, of no known format, damaged or incomplete.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, PictureError> {
        if bytes.is_empty() {
            return Err(PictureError::Empty);
        }
        if bytes.len() > limits.bytes_max {
            return Err(PictureError::TooManyBytes { bytes: bytes.len(), limit: limits.bytes_max });
        }
        let (format, name) = format_of(bytes).ok_or(PictureError::UnknownFormat)?;
        // Decoders index by numbers from the file and some files still make one panic (image-webp's issue 182): they are
        // broken like any other.
        std::panic::catch_unwind(|| Self::decode_as(bytes, limits, format, name)).unwrap_or_else(|_| {
            Err(PictureError::Broken { format: name, reason: "the decoder gave up on it".to_owned() })
        })
    }

    fn decode_as(
        bytes: &[u8],
        limits: &Limits,
        format: ImageFormat,
        name: &'static str,
    ) -> Result<Self, PictureError> {
        let broken = |reason: String| PictureError::Broken { format: name, reason };
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(allocation_limits(limits));
        let mut decoder = reader.into_decoder().map_err(|e| broken(e.to_string()))?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > limits.pixels_max {
            return Err(PictureError::TooManyPixels { width, height, limit: limits.pixels_max });
        }
        if format == ImageFormat::Jpeg && !jpeg::is_complete(bytes) {
            return Err(broken("the file ends before the picture does".into()));
        }
        // A damaged EXIF block does not spoil the pixels: such a picture is taken as it lies.
        let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
        let mut decoded = match by_libjpeg_turbo(bytes, format, (width, height)) {
            Some(rgb) => DynamicImage::ImageRgb8(rgb),
            None => DynamicImage::from_decoder(decoder).map_err(|e| broken(e.to_string()))?,
        };
        decoded.apply_orientation(orientation);
        let rgb = on_white(decoded);
        let (width, height) = rgb.dimensions();
        Self::new(width, height, rgb.into_raw()).map_err(|_| broken("it has no pixels".into()))
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Width × height × 3 bytes, row by row from the top left.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// What an HTTP answer of such a file calls it, by its first bytes; nothing of one that is no picture.
    pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
        format_of(bytes).map(|(format, _)| format.to_mime_type())
    }

    /// The bytes of a PNG file that decodes to this picture.
    ///
    /// # Errors
    /// When there are more pixels than a PNG can hold.
    pub fn to_png(&self) -> Result<Vec<u8>, PictureError> {
        let mut bytes = vec![];
        let encoder = PngEncoder::new(&mut bytes);
        encoder
            .write_image(&self.rgb, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|e| PictureError::Broken { format: "PNG", reason: e.to_string() })?;
        Ok(bytes)
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}×{})", self.width, self.height)
    }
}

#[cfg(feature = "libjpeg-turbo")]
fn by_libjpeg_turbo(bytes: &[u8], format: ImageFormat, size: (u32, u32)) -> Option<RgbImage> {
    (format == ImageFormat::Jpeg).then(|| turbo::decode(bytes, size)).flatten()
}

#[cfg(not(feature = "libjpeg-turbo"))]
fn by_libjpeg_turbo(_: &[u8], _: ImageFormat, _: (u32, u32)) -> Option<RgbImage> {
    None
}

fn format_of(bytes: &[u8]) -> Option<(ImageFormat, &'static str)> {
    match image::guess_format(bytes).ok()? {
        format @ ImageFormat::Jpeg => Some((format, "JPEG")),
        format @ ImageFormat::Png => Some((format, "PNG")),
        format @ ImageFormat::WebP => Some((format, "WebP")),
        format @ ImageFormat::Gif => Some((format, "GIF")),
        format @ ImageFormat::Bmp => Some((format, "BMP")),
        _ => None,
    }
}

/// What a decoder may allocate beside the pixels, for palettes, metadata and one row at a time.
const DECODER_ALLOWANCE: u64 = 64 << 20;

fn allocation_limits(limits: &Limits) -> image::Limits {
    let mut allocation = image::Limits::no_limits();
    // The widest pixel, 16-bit RGBA, takes 8 bytes.
    allocation.max_alloc = Some(limits.pixels_max.saturating_mul(8).saturating_add(DECODER_ALLOWANCE));
    allocation
}

fn on_white(decoded: DynamicImage) -> RgbImage {
    if !decoded.color().has_alpha() {
        return decoded.into_rgb8();
    }
    let rgba = decoded.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [r, g, b, alpha] = from.0;
        *to = Rgb([r, g, b].map(|colour| over_white(colour, alpha)));
    }
    rgb
}

fn over_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u32::from(colour), u32::from(alpha));
    #[expect(clippy::cast_possible_truncation, reason = "a weighted mean of two bytes is a byte")]
    let mixed = ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
    mixed
}
