//! Why a folder is not an artefact, or did not become one.

use std::path::PathBuf;

use crate::onnx::OnnxError;

/// Why a folder is not an artefact, or did not become one.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// Check the path and its permissions.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Correct the card by hand, or export the artefact again.
    #[error("{path}: {reason}")]
    Card {
        /// The card.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file was changed or damaged after it was made: fetch or export it again.
    #[error("{path}: SHA-256 is {found}, but the card says {expected}; the file was changed or damaged")]
    Checksum {
        /// The encoder's file.
        path: PathBuf,
        /// Its checksum.
        found: String,
        /// The card's.
        expected: String,
    },
    /// Card and encoder are of different artefacts: export again.
    #[error("{path}: the card's {what} is not the encoder's")]
    Mismatch {
        /// The card.
        path: PathBuf,
        /// Which entry differs.
        what: &'static str,
    },
    /// The encoder's file is not one written here.
    #[error("{path}: {source}")]
    Onnx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: OnnxError,
    },
    /// Choose another name.
    #[error(
        "`{0}` cannot be an artefact's name: use letters, digits, `.`, `_`, `-`, beginning with a letter or digit"
    )]
    Name(String),
    /// Choose another folder, or remove this one.
    #[error("{0} exists already")]
    Exists(PathBuf),
}
