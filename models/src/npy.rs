//! The beginning of a NumPy `.npy` file (version 1.0) of little-endian f32 rows; the numbers follow it as they are.

/// The header of a `rows`×`columns` matrix, padded so that the numbers begin at a multiple of 64 bytes.
pub fn header(rows: usize, columns: usize) -> Vec<u8> {
    const ALIGNMENT: usize = 64;
    let mut dictionary =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let unpadded = 10 + dictionary.len() + 1;
    dictionary.push_str(&" ".repeat(unpadded.next_multiple_of(ALIGNMENT) - unpadded));
    dictionary.push('\n');
    #[expect(clippy::cast_possible_truncation, reason = "at most 191 characters")]
    let length = (dictionary.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", length.as_slice(), dictionary.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_numpy_writes() {
        // numpy.save of numpy.zeros((2, 3), "<f4"), without the numbers.
        let dictionary = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        let header = header(2, 3);
        assert_eq!(header.len(), 128);
        assert_eq!(header[..10], *b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(header[10..10 + dictionary.len()], *dictionary);
        assert!(header[10 + dictionary.len()..127].iter().all(|&b| b == b' ') && header[127] == b'\n');
        assert_eq!(super::header(usize::MAX, usize::MAX).len() % 64, 0);
    }
}
