//! Other people's weights: a checkpoint file in, a network of ours with its weights out.
//!
//! In the order of the work: `checkpoint` reads a file into named tensors (and runs none of its code), `names` finds the
//! encoder among them and calls its tensors as the description does, `network` finds which network that is and checks
//! every name and shape. Weights do not say how their pictures were prepared; a [`Preset`] does, and somebody must choose it.

mod checkpoint;
mod names;
mod network;
mod pickled;
mod preset;

use std::path::PathBuf;

pub use checkpoint::Checkpoint;
pub use names::Naming;
pub use network::{Choices, Imported, import};
pub use preset::Preset;

use crate::{DescriptionError, WeightsError};

/// Why a file's weights were not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Check the path and its permissions.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is damaged, or of another format.
    #[error("{path}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Do not open the file elsewhere unless its maker is trusted; then save its weights alone.
    #[error(
        "{path} holds more than weights: it names {names}. No code of a checkpoint is ever run here, and one that brings \
         code is not read. If you trust its maker, save the weights alone in Python: \
         torch.save(torch.load('OLD.pth', weights_only=False)['state_dict'], 'NEW.pth')"
    )]
    Objects {
        /// The file.
        path: PathBuf,
        /// The Python names.
        names: String,
    },
    /// The file is not a ResNet's, or names its tensors in a way unknown here.
    #[error("no ResNet's tensors among {count}{beginning}; looked for names ending in {looked_for}{found}")]
    NoEncoder {
        /// How many tensors there are.
        count: usize,
        /// ` beginning with …`, where the user asked for a prefix.
        beginning: String,
        /// The names that would have shown one.
        looked_for: String,
        /// The first few names there are.
        found: String,
    },
    /// Choose one of the encoders with `--prefix`.
    #[error("the file holds several encoders; choose one with --prefix: {0}")]
    Several(String),
    /// The network is of a kind that cannot be described here.
    #[error("{0}")]
    Foreign(String),
    /// The weights are of a network that is near, but not the same; the list says in what.
    #[error("the tensors are not those of {network}, the nearest network there is:\n{differences}")]
    Mismatch {
        /// The nearest network.
        network: String,
        /// Everything missing, extra and of another shape, one a line.
        differences: String,
    },
    /// Choose a depth and width that exist.
    #[error(transparent)]
    Network(#[from] DescriptionError),
    /// A tensor holds something else than finite numbers.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}
