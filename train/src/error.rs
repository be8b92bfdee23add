//! Why training cannot begin, go on or be exported.

use std::path::PathBuf;

use simclr_datasets::DatasetError;
use simclr_eval::EvalError;
use simclr_models::{ArtefactError, DescriptionError, EncodeError, RecipeError, WeightsError};

use crate::pictures::Identity;

/// Why training cannot begin, go on or be exported.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Correct the field named in the recipe.
    #[error("recipe: {0}")]
    Recipe(String),
    /// Correct the network described in the recipe.
    #[error("recipe: {0}")]
    Description(#[from] DescriptionError),
    /// Correct the grid's file.
    #[error("{path}: {reason}")]
    Grid {
        /// The file.
        path: PathBuf,
        /// What does not fit, and in which cell.
        reason: String,
    },
    /// A comparison could not be made.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// Correct the preprocessing described in the recipe.
    #[error("recipe: {0}")]
    Preprocessing(#[from] RecipeError),
    /// Check the folder given with `--data`.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The checkpoint is damaged or of another network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Check the path, permissions and free space.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The checkpoint is damaged; start again or use an older one.
    #[error("{path}: not a checkpoint of this program: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Free space or correct permissions, then resume: the former checkpoint is whole.
    #[error(
        "the checkpoint of step {step} was not kept: {path}: {source}; the former one is as it was: make room, then resume"
    )]
    NotKept {
        /// The file.
        path: PathBuf,
        /// Steps done.
        step: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// Wait until that process ends, or end it.
    #[error("{run}: process {holder} trains there; wait until it ends, or end it, then resume")]
    InUse {
        /// The run's folder.
        run: PathBuf,
        /// The process that holds it, as it wrote itself.
        holder: String,
    },
    /// Resume again, from the later step.
    #[error(
        "{run}: another process has taken the run on from step {step} to step {later} meanwhile; resume again"
    )]
    WentOn {
        /// The run's folder.
        run: PathBuf,
        /// The step that this process read.
        step: u64,
        /// The step that is there now.
        later: u64,
    },
    /// Start the run with `pretrain`, or bring a checkpoint from elsewhere.
    #[error("{run}: no checkpoint that can be read{found}")]
    NoCheckpoint {
        /// The run's folder.
        run: PathBuf,
        /// A line for each file that could not be read.
        found: String,
    },
    /// Repair or remove the pictures named, or raise `data.broken_max`.
    #[error(
        "{count} of {of} pictures cannot be read, data.broken_max allows {most}; repair or remove them, or raise it:{named}"
    )]
    Broken {
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
        /// How many are allowed.
        most: usize,
        /// A line for each of the first few.
        named: String,
    },
    /// Give the pictures that the run was begun on, or begin another run.
    #[error(
        "the run was begun on {begun}, not on the {given} given: it would visit them in another order, with other epochs; \
         give those that it was begun on, or begin another run (`simclr-train pretrain --from` begins at its weights)"
    )]
    OtherPictures {
        /// Those that it was begun on.
        begun: Identity,
        /// Those that were given.
        given: Identity,
    },
    /// Lower the learning rate or raise the temperature, then resume from the last checkpoint.
    #[error(
        "the loss became {loss} at step {step} (epoch {epoch}) with learning rate {rate:.6}; \
         lower schedule.rate_per_256 or lengthen the warm-up, then pretrain again"
    )]
    Diverged {
        /// The loss that is not a number.
        loss: f64,
        /// Steps done before.
        step: u64,
        /// The epoch, from 0.
        epoch: u64,
        /// The step's learning rate.
        rate: f64,
    },
    /// Choose another device or repair the installation.
    #[error("device: {0}")]
    Device(String),
    /// libtorch's own words: out of memory, most often.
    #[error("libtorch: {0}")]
    Torch(String),
    /// The artefact could not be written or read back.
    #[error(transparent)]
    Artefact(#[from] ArtefactError),
    /// ONNX Runtime could not run the exported encoder.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A fault in this program: please report it with the recipe.
    #[error(
        "the exported encoder differs from libtorch's by {difference:.2e} (relative); the artefact was not kept"
    )]
    ExportMismatch {
        /// Largest difference over largest value.
        difference: f64,
    },
}

impl TrainError {
    /// Whether a run's numbers overflowed, or its features collapsed so far that nothing can be fitted on them: it would
    /// come to the same bit for bit, while other recipes may do well.
    pub(crate) fn is_divergence(&self) -> bool {
        matches!(
            self,
            Self::Diverged { .. }
                | Self::Weights(WeightsError::NotFinite(_))
                | Self::Encode(EncodeError::NotFinite(_))
                | Self::Eval(EvalError::Encode(EncodeError::NotFinite(_)) | EvalError::NotConverged { .. })
        )
    }

    /// Attaches the path to what the system said.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

impl From<tch::TchError> for TrainError {
    fn from(error: tch::TchError) -> Self {
        Self::Torch(error.to_string())
    }
}
