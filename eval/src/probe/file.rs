//! A probe on disk: one safetensors file with `weight`, `bias` and, in its header, everything else as JSON.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::Probe;
use crate::{EvalError, storage};

const HEADER: &str = "probe";
/// A header beyond this is no probe of ours.
const BYTES_MAX: u64 = 1 << 30;

impl Probe {
    /// Writes the file whole or not at all; an older one of the same name is replaced.
    ///
    /// # Errors
    /// When the probe is not well-formed or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), EvalError> {
        if let Some(problem) = self.problem() {
            return Err(EvalError::ProbeFile { path: path.to_path_buf(), problem });
        }
        storage::write_file(path, &self.to_bytes()?)
    }

    /// Reads a file and checks all of it: names, shapes, numbers, classes.
    ///
    /// # Errors
    /// When the file cannot be read or is not a usable probe; the message says why.
    pub fn load(path: &Path) -> Result<Self, EvalError> {
        let length = std::fs::metadata(path).map_err(EvalError::io(path))?.len();
        let refuse = |problem| EvalError::ProbeFile { path: path.to_path_buf(), problem };
        if length > BYTES_MAX {
            return Err(refuse(format!("{length} bytes are more than a probe has")));
        }
        let bytes = std::fs::read(path).map_err(EvalError::io(path))?;
        let probe = Self::from_bytes(&bytes).map_err(refuse)?;
        match probe.problem() {
            None => Ok(probe),
            Some(problem) => Err(refuse(problem)),
        }
    }

    /// The file's bytes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, EvalError> {
        let header = serde_json::to_string(self)
            .map_err(|e| EvalError::ProbeFile { path: self.name.clone().into(), problem: e.to_string() })?;
        let (weight, bias) = (little_endian(&self.weight), little_endian(&self.bias));
        let shape = vec![self.classes.len(), self.embedding_len];
        let tensors = [
            ("weight", TensorView::new(Dtype::F32, shape, &weight)?),
            ("bias", TensorView::new(Dtype::F32, vec![self.classes.len()], &bias)?),
        ];
        Ok(serialize(tensors, Some(HashMap::from([(HEADER.to_owned(), header)])))?)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let json = header.metadata().as_ref().and_then(|m| m.get(HEADER)).ok_or("its header has no probe")?;
        let mut probe: Self = serde_json::from_str(json).map_err(|e| format!("its header: {e}"))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        probe.weight = numbers(&file, "weight", &[probe.classes.len(), probe.embedding_len])?;
        probe.bias = numbers(&file, "bias", &[probe.classes.len()])?;
        Ok(probe)
    }
}

fn little_endian(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn numbers(file: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let tensor = file.tensor(name).map_err(|e| format!("tensor `{name}`: {e}"))?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        let (found, dtype) = (tensor.shape(), tensor.dtype());
        return Err(format!("tensor `{name}` is {dtype:?} {found:?} where F32 {shape:?} is needed"));
    }
    Ok(tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}
