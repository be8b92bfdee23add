//! A file of named tensors: what they are called, their shapes, and their numbers when asked for.
//!
//! Reads safetensors and every format `torch.save` has written. Knows nothing of networks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use sha2::{Digest, Sha256};

use super::{ImportError, pickled};
use crate::files;

/// A checkpoint file, opened; its numbers are read when they are needed.
pub struct Checkpoint {
    path: PathBuf,
    format: &'static str,
    bytes: u64,
    checksum: String,
    tensors: BTreeMap<String, Stored>,
}

/// A tensor in the file.
pub(super) struct Stored {
    pub(super) shape: Vec<usize>,
    pub(super) kind: Kind,
    pub(super) place: Place,
}

impl Stored {
    pub(super) fn is_float(&self) -> bool {
        self.kind != Kind::Other
    }
}

/// What its numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F64,
    F32,
    F16,
    Bf16,
    /// Integers, truth values, or floats of fewer bits: nothing a network here computes with.
    Other,
}

pub(super) enum Place {
    Pickled(pytorch_reader::Tensor),
    Bytes(Arc<Vec<u8>>, Range<usize>),
}

impl Checkpoint {
    /// Opens a `.safetensors`, `.pth` or `.pt` file, whatever its name ends in, and lists its tensors.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged or of another format, or holds more than data.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let io = |source| ImportError::Io { path: path.to_path_buf(), source };
        let mut file = File::open(path).map_err(io)?;
        let mut head = Vec::new();
        file.by_ref().take(9).read_to_end(&mut head).map_err(io)?;
        // A safetensors file is the length of a JSON object, then that object.
        let (format, tensors) =
            if head.get(8) == Some(&b'{') { ("safetensors", safe(path)?) } else { pickled::read(path)? };
        let (bytes, checksum) = checksum(path).map_err(io)?;
        Ok(Self { path: path.to_path_buf(), format, bytes, checksum, tensors })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its format, in words.
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its SHA-256, in hexadecimal.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// How many tensors it holds.
    pub fn tensor_count(&self) -> usize {
        self.tensors.len()
    }

    pub(super) fn tensors(&self) -> &BTreeMap<String, Stored> {
        &self.tensors
    }

    /// A tensor's numbers, row-major, as f32; nothing when they are not floats.
    ///
    /// # Errors
    /// When the file is damaged where they lie.
    pub(super) fn numbers(&self, tensor: &Stored) -> Result<Option<Vec<f32>>, ImportError> {
        let read;
        let bytes: &[u8] = match &tensor.place {
            Place::Bytes(file, range) => file.get(range.clone()).unwrap_or_default(),
            Place::Pickled(pickled) => {
                read = pickled.read().map_err(|e| self.damaged(&e))?;
                &read
            }
        };
        Ok(floats(bytes, tensor.kind))
    }

    fn damaged(&self, error: &std::io::Error) -> ImportError {
        ImportError::Format { path: self.path.clone(), reason: format!("damaged: {error}") }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "what f32 cannot hold becomes infinite and is refused later"
)]
fn floats(bytes: &[u8], kind: Kind) -> Option<Vec<f32>> {
    let pairs = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    Some(match kind {
        Kind::F64 => bytes.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect(),
        Kind::F32 => bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        Kind::F16 => pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect(),
        Kind::Bf16 => pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
        Kind::Other => return None,
    })
}

fn safe(path: &Path) -> Result<BTreeMap<String, Stored>, ImportError> {
    let io = |source| ImportError::Io { path: path.to_path_buf(), source };
    let bytes = Arc::new(std::fs::read(path).map_err(io)?);
    let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| ImportError::Format {
        path: path.to_path_buf(),
        reason: format!("not a sound safetensors file: {e}"),
    })?;
    // The header's length stands in the first eight bytes.
    let data = 8 + header;
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let kind = match info.dtype {
            Dtype::F64 => Kind::F64,
            Dtype::F32 => Kind::F32,
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::Bf16,
            _ => Kind::Other,
        };
        let range = data + info.data_offsets.0..data + info.data_offsets.1;
        (name, Stored { shape: info.shape.clone(), kind, place: Place::Bytes(Arc::clone(&bytes), range) })
    });
    Ok(tensors.collect())
}

/// Length and SHA-256 of a file, read in pieces.
fn checksum(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hasher, mut piece, mut bytes) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((bytes, files::hexadecimal(&hasher.finalize()))),
            n => {
                hasher.update(&piece[..n]);
                bytes += n as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_float_becomes_the_same_number() {
        let x = -1.5_f32;
        assert_eq!(floats(&x.to_le_bytes(), Kind::F32), Some(vec![x]));
        assert_eq!(floats(&f64::from(x).to_le_bytes(), Kind::F64), Some(vec![x]));
        assert_eq!(floats(&f16::from_f32(x).to_le_bytes(), Kind::F16), Some(vec![x]));
        assert_eq!(floats(&bf16::from_f32(x).to_le_bytes(), Kind::Bf16), Some(vec![x]));
        assert_eq!(floats(&[1, 0], Kind::Other), None);
        assert_eq!(floats(&1e300_f64.to_le_bytes(), Kind::F64), Some(vec![f32::INFINITY]));
    }
}
