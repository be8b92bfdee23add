//! Why an encoder was not quantised.

use std::path::PathBuf;

use crate::EncodeError;
use crate::onnx::OnnxError;

/// Why an encoder was not quantised.
#[derive(Debug, thiserror::Error)]
pub enum QuantiseError {
    /// Check the path and its permissions.
    #[error("{path}: {source}")]
    Io {
        /// The encoder's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Give the float artefact; an 8-bit one cannot be quantised again.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// Quantise the artefact whose embeddings are h.
    #[error("only encoders whose embeddings are h can be quantised; export with `--output h`")]
    Output,
    /// Give pictures of the kind that will be embedded.
    #[error("without pictures nobody knows which ranges the network's values take")]
    NoPictures,
    /// The network is of a kind that 8-bit encoders do not know.
    #[error("step {step} of the network ({op}) cannot be quantised")]
    Unsupported {
        /// Index into the description's steps.
        step: usize,
        /// The operation.
        op: String,
    },
    /// ONNX Runtime failed on the float encoder.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The float encoder overflows on these pictures: train it again.
    #[error("the network's value {0} is NaN or infinite on a picture")]
    NotFinite(usize),
}
