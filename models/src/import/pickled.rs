//! Checkpoints that `torch.save` wrote: a pickle and its numbers, read as data by `pytorch-reader`, which never runs any
//! of it. A file whose pickle names code is refused all the same: whoever made it did not mean to hand over weights.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pytorch_reader::{DType, FileFormat, PickleValue, PytorchReader};

use super::ImportError;
use super::checkpoint::{Kind, Place, Stored};

/// Python packages whose objects people keep beside weights (arguments, metrics, optimisers' states). They are passed
/// over as data; a name from elsewhere is a reason to stop.
const HARMLESS: [&str; 16] = [
    "argparse",
    "apex",
    "classy_vision",
    "collections",
    "datetime",
    "fvcore",
    "lightning",
    "lightning_fabric",
    "numpy",
    "omegaconf",
    "pathlib",
    "pytorch_lightning",
    "timm",
    "torch",
    "typing",
    "vissl",
];

/// The file's format and tensors, by their dotted path through its dictionaries.
pub(super) fn read(path: &Path) -> Result<(&'static str, BTreeMap<String, Stored>), ImportError> {
    let reader = PytorchReader::new(path).map_err(|e| refusal(path, e))?;
    let format = match reader.metadata().format_type {
        FileFormat::Zip => "PyTorch",
        FileFormat::Legacy => "PyTorch before 1.6",
        FileFormat::Tar => "PyTorch before 0.1.10",
        FileFormat::Pickle => "pickle",
    };
    let everything = PytorchReader::read_pickle_data(path, None).map_err(|e| refusal(path, e))?;
    let mut names = BTreeSet::new();
    foreign_names(&everything, &mut names);
    if !names.is_empty() {
        let names = names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(ImportError::Objects { path: path.to_path_buf(), names });
    }
    let tensors = reader.into_tensors().into_iter().map(|(name, tensor)| {
        let kind = match tensor.dtype() {
            DType::F64 => Kind::F64,
            DType::F32 => Kind::F32,
            DType::F16 => Kind::F16,
            DType::BF16 => Kind::Bf16,
            _ => Kind::Other,
        };
        (name, Stored { shape: tensor.shape().to_vec(), kind, place: Place::Pickled(tensor) })
    });
    Ok((format, tensors.collect()))
}

fn refusal(path: &Path, error: pytorch_reader::PytorchError) -> ImportError {
    let path = path.to_path_buf();
    match error {
        pytorch_reader::PytorchError::Io(source) if source.raw_os_error().is_some() => {
            ImportError::Io { path, source }
        }
        other => ImportError::Format { path, reason: format!("not a sound PyTorch checkpoint: {other}") },
    }
}

/// Gathers the names of everything that is neither data nor of a harmless package.
fn foreign_names(value: &PickleValue, names: &mut BTreeSet<String>) {
    match value {
        PickleValue::List(items) => items.iter().for_each(|item| foreign_names(item, names)),
        PickleValue::Dict(items) => items.values().for_each(|item| foreign_names(item, names)),
        // `int` stands for an integer too large for 64 bits.
        PickleValue::Unsupported(name) if name != "int" => {
            let package = name.split('.').next().unwrap_or_default();
            if !HARMLESS.contains(&package) {
                names.insert(name.clone());
            }
        }
        _ => {}
    }
}
