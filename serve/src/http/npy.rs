//! A matrix of f32 as NumPy's `.npy`, version 1.0: what `numpy.load` reads without being told more.

use simclr_models::Embedding;

/// The content type by which a client asks for it.
pub(super) const CONTENT_TYPE: &str = "application/x-npy";

/// One row an embedding.
pub(super) fn write(embeddings: &[Embedding], embedding_len: usize) -> Vec<u8> {
    let shape = format!("({}, {embedding_len})", embeddings.len());
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version and length take 10 bytes; all of it ends with a newline on a multiple of 64.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.push_str(&" ".repeat(length - header.len() - 1));
    header.push('\n');
    let mut file = Vec::with_capacity(10 + length + embeddings.len() * embedding_len * 4);
    file.extend_from_slice(b"\x93NUMPY\x01\x00");
    // Never more than a few hundred bytes.
    file.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.extend(little_endian(embeddings));
    file
}

/// The numbers alone, row after row.
pub(super) fn little_endian(embeddings: &[Embedding]) -> Vec<u8> {
    let numbers = embeddings.iter().flat_map(Embedding::as_slice);
    numbers.flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_laid_out_as_numpy_says() {
        let rows = [vec![1.0, -2.5], vec![0.0, 3.0]].map(|row| Embedding::new(row).unwrap());
        let file = write(&rows, 2);
        assert_eq!(&file[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([file[8], file[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&file[10..10 + length]).unwrap();
        let expected = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
        assert_eq!(header.trim_end_matches([' ', '\n']), expected);
        assert!(header.ends_with('\n'));
        let numbers: Vec<f32> =
            file[10 + length..].chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_eq!(numbers, [1.0, -2.5, 0.0, 3.0]);
    }
}
