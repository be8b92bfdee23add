//! Why an encoder was not judged.

use std::path::{Path, PathBuf};

use simclr_datasets::DatasetError;
use simclr_models::{ArtefactError, EncodeError, ForeignError};

use crate::Storage;

/// What stopped an evaluation or made a probe unusable, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Repair the dataset as the message says.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Correct the dataset's name, or give the folder that holds it.
    #[error("{name}: {problem}")]
    NoDataset {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Repair the artefact as the message says.
    #[error(transparent)]
    Artefact(#[from] ArtefactError),
    /// Correct the foreign encoder's description as the message says.
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    /// Check that artefact and runtime are whole.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Check the path and its permissions.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Correct the encoder's name on the command line.
    #[error("encoder `{spec}`: {problem}")]
    Spec {
        /// What was asked for.
        spec: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Use a dataset whose labels are of the kind that is needed.
    #[error("{0}")]
    Labels(String),
    /// Give more pictures.
    #[error("{0}")]
    TooFew(String),
    /// Rescale the features or raise the smallest penalty; a probe that is not at its optimum is not reported.
    #[error(
        "fitting with penalty {penalty:e} did not converge: gradient {gradient:e} after {evaluations} evaluations ({reason})"
    )]
    NotConverged {
        /// λ of the mean objective.
        penalty: f64,
        /// Largest entry of the gradient, each measured in its feature's own spread.
        gradient: f64,
        /// Evaluations of objective and gradient.
        evaluations: usize,
        /// What the minimiser met.
        reason: &'static str,
    },
    /// Use the encoder the probe was fitted on.
    #[error("an embedding of length {found} was given where the probe takes {expected}")]
    Length {
        /// The embedding's length.
        found: usize,
        /// The probe's.
        expected: usize,
    },
    /// Repair or remove the pictures named, or raise `--broken-max`.
    #[error(
        "{count} of {of} pictures cannot be read, more than the share {most} that --broken-max allows; repair or \
         remove them, or raise it:{named}"
    )]
    Broken {
        /// Broken so far.
        count: usize,
        /// All pictures of the split.
        of: usize,
        /// The share that is allowed.
        most: f64,
        /// The first few.
        named: String,
    },
    /// Check the address and the AWS_ variables, or build with the feature named.
    #[error("{place}: {problem}")]
    Place {
        /// The bucket and object.
        place: String,
        /// What the object store said.
        problem: String,
    },
    /// Remove the file named and run again.
    #[error("{place}/{name}: not usable: {problem}")]
    Result {
        /// The folder or bucket.
        place: String,
        /// The file in it.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A defect of this program: what it was about to write has no consistent shape.
    #[error("cannot be written as safetensors: {0}")]
    Tensors(#[from] safetensors::SafeTensorError),
    /// Fit the probe again, or fetch the file again.
    #[error("{path}: not a usable probe: {problem}")]
    ProbeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl EvalError {
    /// What is wrong with a file of results.
    pub(crate) fn result(place: &Storage, name: &str, problem: &dyn std::fmt::Display) -> Self {
        Self::Result { place: place.to_string(), name: name.to_owned(), problem: problem.to_string() }
    }

    /// Turns the system's error about `path` into ours.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}
