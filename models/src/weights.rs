//! A network's numbers: named f32 tensors in the description's order, on disk as safetensors.

mod initial;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use crate::description::Description;
use initial::first_values;

/// One tensor: row-major f32 numbers with their name and shape.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// The parameter's name in the description.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// As many numbers as the shape says.
    pub data: Vec<f32>,
}

/// Tensors that are known to be exactly those of one description, in its order, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    tensors: Vec<NamedTensor>,
}

/// Why numbers do not make a network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Check the path and its permissions.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is damaged or of another format.
    #[error("not a readable safetensors file: {0}")]
    Format(String),
    /// The file is another network's.
    #[error("tensor `{0}` is missing; is this another network's file?")]
    Missing(String),
    /// The file is another network's.
    #[error("tensor `{0}` is not part of this network, or is there twice")]
    Unexpected(String),
    /// The file is another network's.
    #[error("tensor `{name}` has shape {found:?} where the network needs {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The description's shape.
        expected: Vec<usize>,
    },
    /// Convert the tensor to 32-bit floats.
    #[error("tensor `{name}` holds {dtype} numbers; f32 is needed")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its number format in the file.
        dtype: String,
    },
    /// Training diverged before the file was written, or it is damaged.
    #[error("tensor `{0}` holds NaN or infinity")]
    NotFinite(String),
}

impl Weights {
    /// Takes tensors in any order and keeps them in the description's.
    ///
    /// # Errors
    /// Names the first tensor that is missing, unexpected, of another shape or not finite.
    pub fn check(description: &Description, tensors: Vec<NamedTensor>) -> Result<Self, WeightsError> {
        let mut by_name: HashMap<String, NamedTensor> = HashMap::new();
        for tensor in tensors {
            if let Some(twice) = by_name.insert(tensor.name.clone(), tensor) {
                return Err(WeightsError::Unexpected(twice.name));
            }
        }
        let mut ordered = Vec::with_capacity(by_name.len());
        for param in description.params() {
            let tensor =
                by_name.remove(&param.name).ok_or_else(|| WeightsError::Missing(param.name.clone()))?;
            if tensor.shape != param.shape || tensor.data.len() != param.len() {
                return Err(WeightsError::Shape {
                    name: param.name,
                    found: tensor.shape,
                    expected: param.shape,
                });
            }
            if tensor.data.iter().any(|x| !x.is_finite()) {
                return Err(WeightsError::NotFinite(param.name));
            }
            ordered.push(tensor);
        }
        match by_name.into_keys().min() {
            Some(name) => Err(WeightsError::Unexpected(name)),
            None => Ok(Self { tensors: ordered }),
        }
    }

    /// Whether these are the numbers of this description too.
    ///
    /// # Errors
    /// Names the first tensor that differs in name or shape.
    pub fn belongs_to(&self, description: &Description) -> Result<(), WeightsError> {
        let params = description.params();
        for (param, tensor) in params.iter().zip(&self.tensors) {
            if param.name != tensor.name {
                return Err(WeightsError::Missing(param.name.clone()));
            }
            if param.shape != tensor.shape {
                let (name, found) = (param.name.clone(), tensor.shape.clone());
                return Err(WeightsError::Shape { name, found, expected: param.shape.clone() });
            }
        }
        match (params.get(self.tensors.len()), self.tensors.get(params.len())) {
            (Some(param), _) => Err(WeightsError::Missing(param.name.clone())),
            (_, Some(tensor)) => Err(WeightsError::Unexpected(tensor.name.clone())),
            (None, None) => Ok(()),
        }
    }

    /// First values, the same for the same seed on every machine: convolutions and matrix products normal with variance
    /// 1/fan-in (TensorFlow's variance scaling, as the published code has it for convolutions; its projection head begins
    /// with a deviation of 0.01), scales one, or zero where the description says so, everything else as its kind needs.
    pub fn initial(description: &Description, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let tensors = description
            .params()
            .into_iter()
            .map(|param| NamedTensor {
                data: first_values(&param, &mut random),
                name: param.name,
                shape: param.shape,
            })
            .collect();
        Self { tensors }
    }

    /// Reads a safetensors file and checks it against the description.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or is not this network's.
    pub fn load(description: &Description, path: &Path) -> Result<Self, WeightsError> {
        let bytes =
            std::fs::read(path).map_err(|source| WeightsError::Io { path: path.to_path_buf(), source })?;
        Self::from_safetensors(description, &bytes)
    }

    /// As [`Weights::load`], from memory.
    ///
    /// # Errors
    /// When the bytes are damaged or not this network's.
    pub fn from_safetensors(description: &Description, bytes: &[u8]) -> Result<Self, WeightsError> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| WeightsError::Format(e.to_string()))?;
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                if view.dtype() != Dtype::F32 {
                    return Err(WeightsError::Dtype { name, dtype: format!("{:?}", view.dtype()) });
                }
                let numbers =
                    view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                Ok(NamedTensor { name, shape: view.shape().to_vec(), data: numbers.collect() })
            })
            .collect::<Result<_, _>>()?;
        Self::check(description, tensors)
    }

    /// The bytes of a safetensors file.
    ///
    /// # Errors
    /// When the format refuses a tensor (its header would be too long).
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        let format = |e: safetensors::SafeTensorError| WeightsError::Format(e.to_string());
        let bytes: Vec<Vec<u8>> =
            self.tensors.iter().map(|t| t.data.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let views = self
            .tensors
            .iter()
            .zip(&bytes)
            .map(|(t, data)| {
                Ok((t.name.as_str(), TensorView::new(Dtype::F32, t.shape.clone(), data).map_err(format)?))
            })
            .collect::<Result<Vec<_>, WeightsError>>()?;
        serialize(views, None).map_err(format)
    }

    /// The tensors in the description's order.
    pub fn tensors(&self) -> &[NamedTensor] {
        &self.tensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::{ResNet, Stem};

    fn tiny() -> Description {
        ResNet::plain(10, 0.25, Stem::SmallPicture).describe().unwrap()
    }

    #[test]
    fn written_and_read_again_bit_for_bit() {
        let weights = Weights::initial(&tiny(), 7);
        let bytes = weights.to_safetensors().unwrap();
        assert_eq!(Weights::from_safetensors(&tiny(), &bytes).unwrap(), weights);
    }

    #[test]
    fn each_mismatch_is_named() {
        let good = || Weights::initial(&tiny(), 1).tensors().to_vec();
        let check = |tensors| Weights::check(&tiny(), tensors).unwrap_err().to_string();

        let mut tensors = good();
        tensors.remove(0);
        assert!(check(tensors).contains("`conv1.weight` is missing"));

        let mut tensors = good();
        tensors[0].shape = vec![16, 27];
        assert!(check(tensors).contains("[16, 27]"));

        let mut tensors = good();
        tensors[2].data[3] = f32::NAN;
        assert!(check(tensors).contains("NaN"));

        let mut tensors = good();
        tensors.push(tensors[5].clone());
        assert!(check(tensors).contains("is not part"));

        let mut tensors = good();
        tensors.push(NamedTensor { name: "fc.bias".into(), shape: vec![1], data: vec![0.0] });
        assert!(check(tensors).contains("`fc.bias` is not part"));

        assert!(matches!(Weights::from_safetensors(&tiny(), b"junk"), Err(WeightsError::Format(_))));
    }
}
