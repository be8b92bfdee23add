//! Why a folder is not the dataset it was said to be.

use std::path::{Path, PathBuf};

use simclr_models::PictureError;

/// What is wrong with a dataset on disk, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// Choose one of the names listed.
    #[error("no dataset is called `{name}`; there are: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Check the path and its permissions.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Put the files where the dataset's layout has them.
    #[error("{path}: {problem}\n  expected: {expected}\n  to do: {advice}")]
    Layout {
        /// The file or folder.
        path: PathBuf,
        /// What was found there.
        problem: String,
        /// What the layout has there.
        expected: String,
        /// How to repair it.
        advice: String,
    },
    /// Correct the line, or fetch the file again.
    #[error("{path}, line {line}: {problem}\n  expected: {expected}\n  to do: {advice}")]
    Line {
        /// The annotation file.
        path: PathBuf,
        /// The line, or the record of a binary file, counted from 1.
        line: usize,
        /// What was found there.
        problem: String,
        /// What belongs there.
        expected: String,
        /// How to repair it.
        advice: String,
    },
    /// Use a dataset with one class a picture.
    #[error("{name} has a mark for every class; this needs a dataset whose pictures have one class each")]
    SeveralLabels {
        /// The sample's name.
        name: String,
    },
    /// Replace or remove the named picture.
    #[error("picture {name}: {source}")]
    Picture {
        /// The sample's name.
        name: String,
        /// Why it was not decoded.
        source: PictureError,
    },
}

impl DatasetError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn line(
        path: &Path,
        line: usize,
        problem: impl Into<String>,
        expected: &str,
        advice: &str,
    ) -> Self {
        Self::Line {
            path: path.to_path_buf(),
            line,
            problem: problem.into(),
            expected: expected.to_owned(),
            advice: advice.to_owned(),
        }
    }

    pub(crate) fn layout(path: &Path, problem: impl Into<String>, expected: &str, advice: &str) -> Self {
        Self::Layout {
            path: path.to_path_buf(),
            problem: problem.into(),
            expected: expected.to_owned(),
            advice: advice.to_owned(),
        }
    }
}
