//! A network's weights as somebody's checkpoint.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView, serialize};
use simclr_models::import::{Checkpoint, Choices, ImportError, Imported, import};
use simclr_models::{NamedTensor, ResNet, Weights};

use crate::common::random_weights;

pub(crate) const CHOICES: Choices =
    Choices { prefix: None, depth: None, width: None, stem: None, large_stem: None };

pub(crate) fn taken(path: &Path) -> Result<Imported, ImportError> {
    import(&Checkpoint::open(path)?, &CHOICES)
}

fn safetensors(tensors: &[NamedTensor]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|t| t.data.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let view = |(t, data): (&NamedTensor, _)| {
        (
            t.name.clone(),
            TensorView::new(Dtype::F32, t.shape.clone(), data).expect("as long as its shape says"),
        )
    };
    serialize(tensors.iter().zip(bytes.iter().map(Vec::as_slice)).map(view), None).expect("a short header")
}

pub(crate) struct World {
    place: tempfile::TempDir,
    pub(crate) weights: Weights,
}

impl World {
    pub(crate) fn new(network: ResNet) -> Self {
        let weights = random_weights(&network.describe().expect("it exists"), 1);
        Self { place: tempfile::tempdir().expect("a place for files"), weights }
    }

    /// Its weights as a safetensors file, after a change.
    pub(crate) fn file(&self, change: impl FnOnce(&mut Vec<NamedTensor>)) -> PathBuf {
        let mut tensors = self.weights.tensors().to_vec();
        change(&mut tensors);
        let path = self.place.path().join("weights.safetensors");
        fs::write(&path, safetensors(&tensors)).expect("it can be written");
        path
    }
}
