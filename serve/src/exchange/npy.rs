//! The beginning of a `.npy` file, read: how many rows of how many f32 follow.

use std::io::{self, Read};

/// Rows and columns of a matrix of little-endian f32 in row order; the reader stands at its first number afterwards.
///
/// # Errors
/// What the reader says, or in which way the file holds something else.
pub(super) fn read_header(from: &mut impl Read) -> Result<(usize, usize), String> {
    let failed = |e: io::Error| format!("it is not a whole .npy file: {e}");
    let mut start = [0; 8];
    from.read_exact(&mut start).map_err(failed)?;
    if &start[..6] != b"\x93NUMPY" {
        return Err("it is not a .npy file".to_owned());
    }
    let length = if start[6] == 1 {
        let mut length = [0; 2];
        from.read_exact(&mut length).map_err(failed)?;
        usize::from(u16::from_le_bytes(length))
    } else {
        let mut length = [0; 4];
        from.read_exact(&mut length).map_err(failed)?;
        u32::from_le_bytes(length) as usize
    };
    if length > 1 << 16 {
        return Err("its header is too long".to_owned());
    }
    let mut header = vec![0; length];
    from.read_exact(&mut header).map_err(failed)?;
    shape(&String::from_utf8_lossy(&header))
}

/// What a header's dictionary says, which is Python's notation.
fn shape(header: &str) -> Result<(usize, usize), String> {
    let after = |key: &str| header.split_once(&format!("'{key}':")).map_or("", |(_, rest)| rest.trim_start());
    if !after("descr").starts_with("'<f4'") || !after("fortran_order").starts_with("False") {
        return Err(
            "it must hold float32 in row order: numpy.ascontiguousarray(vectors, dtype=\"<f4\")".to_owned()
        );
    }
    let numbers =
        after("shape").strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or("", |(shape, _)| shape);
    let numbers: Result<Vec<usize>, _> =
        numbers.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::parse).collect();
    match numbers.as_deref() {
        Ok(&[rows, columns]) if columns > 0 => Ok((rows, columns)),
        _ => Err("it must be a matrix, one row a vector".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_written_and_refuses_the_rest() {
        let header = simclr_models::npy::header(3, 512);
        assert_eq!(read_header(&mut header.as_slice()), Ok((3, 512)));
        assert!(read_header(&mut &header[..50]).unwrap_err().contains("whole"));
        assert!(read_header(&mut &b"PK\x03\x04...."[..]).unwrap_err().contains("not a .npy"));
        for (wrong, said) in [
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", "float32"),
            ("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "row order"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", "matrix"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0), }", "matrix"),
        ] {
            assert!(shape(wrong).unwrap_err().contains(said), "{wrong}");
        }
    }
}
