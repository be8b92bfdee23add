//! Why a model was not loaded.

use std::path::PathBuf;

use simclr_models::{ArtefactError, EncodeError};

use crate::classifiers::ClassifierError;

/// Why a model was not loaded; shown to whoever asked for it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Give a folder that holds a whole artefact.
    #[error("model {folder}: {reason}")]
    Artefact {
        /// The folder given.
        folder: PathBuf,
        /// What is wrong with it.
        reason: ArtefactError,
    },
    /// The encoder did not open, or did not survive its first run.
    #[error("model {folder}: {reason}")]
    Encoder {
        /// The folder given.
        folder: PathBuf,
        /// What is wrong with it.
        reason: EncodeError,
    },
    /// See the classifier.
    #[error(transparent)]
    Classifier(#[from] ClassifierError),
    /// Rename the folder to the name in its card, or correct the card.
    #[error("model {folder}: its card names it {name:?}; a folder of --models-dir bears its model's name")]
    OtherName {
        /// The folder.
        folder: PathBuf,
        /// The card's name.
        name: String,
    },
    /// Rename one of the two.
    #[error("model {folder}: another folder already brought a model of this name")]
    Twice {
        /// The second folder.
        folder: PathBuf,
    },
    /// Ask for one that is there.
    #[error("there is no folder for a model of that name")]
    Unknown,
    /// Give a folder that can be read.
    #[error("models folder {folder}: {reason}")]
    Folder {
        /// The folder given.
        folder: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The system gave no thread.
    #[error("starting the sessions: {0}")]
    Threads(std::io::Error),
}
