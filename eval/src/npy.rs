//! Arrays as NumPy's `.npy` files, version 1.0.

use std::io::{self, Write};

/// Writes rows of f32 numbers, `columns` in each.
///
/// # Errors
/// What the writer says.
pub fn write_f32(to: &mut dyn Write, columns: usize, numbers: &[f32]) -> io::Result<()> {
    header(to, "<f4", &format!("({}, {columns})", numbers.len() / columns.max(1)))?;
    numbers.iter().try_for_each(|x| to.write_all(&x.to_le_bytes()))
}

/// Writes a row of labels as 64-bit integers.
///
/// # Errors
/// What the writer says.
pub fn write_labels(to: &mut dyn Write, labels: &[usize]) -> io::Result<()> {
    header(to, "<i8", &format!("({},)", labels.len()))?;
    labels.iter().try_for_each(|&label| to.write_all(&(label as u64).to_le_bytes()))
}

/// The magic, the version, and a dictionary padded so that the numbers begin at a multiple of 64.
fn header(to: &mut dyn Write, kind: &str, shape: &str) -> io::Result<()> {
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let padding = 63 - (10 + text.len()) % 64;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    to.write_all(b"\x93NUMPY\x01\x00")?;
    let length = u16::try_from(text.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_as_numpy_writes_it() {
        let mut bytes = Vec::new();
        write_f32(&mut bytes, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(bytes.len(), 128 + 24);
        let text = String::from_utf8_lossy(&bytes[10..128]);
        assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"), "{text}");
        assert_eq!(bytes[127], b'\n');
        assert_eq!(&bytes[132..136], &2.0_f32.to_le_bytes());
        let mut bytes = Vec::new();
        write_labels(&mut bytes, &[7]).unwrap();
        assert_eq!(&bytes[bytes.len() - 8..], &7_u64.to_le_bytes());
    }
}
