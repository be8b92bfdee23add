//! Pictures that nobody should have sent: too large, damaged, or none.

use super::*;

#[test]
fn limits_come_before_decoding() {
    let bytes = encode(ramp(100, 100), ImageFormat::Png);
    let limits = |bytes_max, pixels_max| Limits { bytes_max, pixels_max };
    assert!(Picture::decode(&bytes, &limits(bytes.len(), 10_000)).is_ok());
    let few = Picture::decode(&bytes, &limits(bytes.len() - 1, 10_000));
    assert_eq!(few, Err(PictureError::TooManyBytes { bytes: bytes.len(), limit: bytes.len() - 1 }));
    for format in FORMATS {
        let small = Picture::decode(&encode(ramp(100, 100), format), &limits(1 << 20, 9_999));
        assert_eq!(
            small,
            Err(PictureError::TooManyPixels { width: 100, height: 100, limit: 9_999 }),
            "{format:?}"
        );
    }
}

/// A PNG of one header and no pixels; the checksum is the standard's CRC-32.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let named = [name.as_slice(), data].concat();
        let crc = !named.iter().fold(!0_u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
        });
        [(data.len() as u32).to_be_bytes().as_slice(), &named, &crc.to_be_bytes()].concat()
    };
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = chunk(b"IHDR", &[size.as_slice(), &[8, 2, 0, 0, 0]].concat());
    [b"\x89PNG\r\n\x1a\n".as_slice(), &header, &chunk(b"IDAT", &[]), &chunk(b"IEND", &[])].concat()
}

#[test]
fn a_giant_header_is_refused_at_once() {
    for (width, height) in [(100_000, 100_000), (i32::MAX as u32, i32::MAX as u32), (u32::MAX, u32::MAX)] {
        match decode(&png_header(width, height)) {
            Err(PictureError::TooManyPixels { .. } | PictureError::Broken { .. }) => {}
            other => panic!("{width}×{height}: {other:?}"),
        }
    }
    assert!(matches!(decode(&png_header(100_000, 100_000)), Err(PictureError::TooManyPixels { .. })));
    assert!(matches!(decode(&png_header(0, 5)), Err(PictureError::Broken { .. })));
    assert!(matches!(decode(&png_header(5, 5)), Err(PictureError::Broken { .. })), "no pixels follow");
}

#[test]
fn what_is_not_a_picture_is_refused() {
    assert_eq!(decode(b""), Err(PictureError::Empty));
    let tiff = b"II*\0\x08\0\0\0\0\0\0\0".as_slice();
    for bytes in [b"<!DOCTYPE html><html>404</html>".as_slice(), b"\0", b"GIF", &[0; 1000], b"%PDF-1.7", tiff]
    {
        assert_eq!(decode(bytes), Err(PictureError::UnknownFormat), "{bytes:?}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_an_error_not_gray() {
    for format in FORMATS {
        let whole = encode(ramp(61, 47), format);
        // PNG, GIF and WebP end with bytes that carry no pixels; BMP and JPEG have none to spare.
        let needed = match format {
            ImageFormat::Jpeg | ImageFormat::Bmp => whole.len(),
            _ => whole.len() - 20,
        };
        for end in (0..needed).step_by(7).chain(needed.saturating_sub(3)..needed) {
            assert!(decode(&whole[..end]).is_err(), "{format:?} cut at {end} of {} was taken", whole.len());
        }
    }
}

/// Every byte of every format damaged in turn: any answer will do, but an answer.
#[test]
fn damaged_bytes_never_panic() {
    let recipe = Recipe { side: 8, resize: 9, filter: Filter::Bicubic, mean: [0.5; 3], deviation: [0.5; 3] };
    for format in FORMATS {
        let whole = encode(ramp(17, 13), format);
        for at in 0..whole.len() {
            for change in [0x01, 0x80, 0xFF] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                if let Ok(picture) = decode(&bytes) {
                    assert_eq!(recipe.prepare(&picture).len(), 3 * 64);
                }
            }
        }
    }
}
