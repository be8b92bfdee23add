//! Whether a JPEG file reaches its end. The decoder paints what is missing gray instead of complaining.

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// Walks the segments from marker to marker; true when the end-of-image marker is met where a marker may stand.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        let Some(marker_at) = next_marker(bytes, at) else {
            return false;
        };
        let marker = bytes[marker_at];
        at = marker_at + 1;
        match marker {
            END_OF_IMAGE => return true,
            // Markers that stand alone: restarts, TEM, a repeated start of image.
            0x01 | 0xD0..=0xD8 => {}
            _ => {
                let Some(length) = bytes.get(at..at + 2) else {
                    return false;
                };
                at += usize::from(u16::from_be_bytes([length[0], length[1]]));
                if marker == START_OF_SCAN {
                    at = end_of_scan(bytes, at);
                }
            }
        }
    }
}

/// Index of the byte after the next 0xFF that is neither 0xFF (filling) nor 0 (a stuffed data byte).
fn next_marker(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += bytes.get(at..)?.iter().position(|&b| b == 0xFF)? + 1;
        match bytes.get(at)? {
            0x00 => at += 1,
            0xFF => {}
            _ => return Some(at),
        }
    }
}

/// Index of the 0xFF of the first marker that ends the coded data, or the end of the bytes.
fn end_of_scan(bytes: &[u8], mut at: usize) -> usize {
    while let Some(marker_at) = next_marker(bytes, at) {
        if !matches!(bytes[marker_at], 0xD0..=0xD7) {
            return marker_at - 1;
        }
        at = marker_at + 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [u8; 19] = [
        0xFF, 0xD8, 0xFF, 0xE1, 0, 5, 0xFF, 0xD9, 7, // a segment holding what looks like an end
        0xFF, 0xDA, 0, 2, 0xFF, 0x00, 0xFF, 0xD0, // a scan with a stuffed byte and a restart
        0xFF, 0xD9,
    ];

    #[test]
    fn only_the_whole_file_is_complete() {
        assert!(is_complete(&WHOLE));
        for end in 0..WHOLE.len() {
            assert!(!is_complete(&WHOLE[..end]), "cut at {end}");
        }
    }

    #[test]
    fn what_follows_the_end_does_not_matter() {
        let mut bytes = WHOLE.to_vec();
        bytes.extend([1, 2, 3]);
        assert!(is_complete(&bytes));
    }
}
