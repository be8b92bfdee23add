//! The probes that answer `/v1/classify`: read from folders at start, checked against the encoder, then only asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use simclr_eval::Probe;

/// Probes by name.
#[derive(Debug, Default)]
pub(crate) struct Classifiers {
    by_name: BTreeMap<String, Probe>,
}

/// Why a folder of classifiers was not taken; shown to the person who starts the server.
#[derive(Debug, thiserror::Error)]
pub enum ClassifierError {
    /// Give a folder that can be read.
    #[error("classifiers folder {folder}: {reason}")]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Remove the file or fit the probe again.
    #[error("classifier {0}")]
    Broken(simclr_eval::EvalError),
    /// Fit the probe on this encoder's embeddings, or serve the encoder it was fitted on.
    #[error("classifier {file} was fitted on embeddings of {found}; the encoder makes {expected}")]
    OtherSpace {
        /// Which file.
        file: PathBuf,
        /// The probe's space and length.
        found: String,
        /// The encoder's.
        expected: String,
    },
    /// Rename or remove one of the two.
    #[error("classifier {file}: another file already brought a classifier named {name:?}")]
    Twice {
        /// The second file.
        file: PathBuf,
        /// The name both have.
        name: String,
    },
}

impl Classifiers {
    /// Loads every `*.safetensors` of a folder, in the order of their names.
    pub(crate) fn load(
        &mut self,
        folder: &Path,
        space_key: &str,
        embedding_len: usize,
    ) -> Result<(), ClassifierError> {
        let failed = |reason| ClassifierError::Folder { folder: folder.to_owned(), reason };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            files.push(entry.map_err(failed)?.path());
        }
        files.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
        files.sort();
        for file in files {
            let probe = Probe::load(&file).map_err(ClassifierError::Broken)?;
            if probe.space_key != space_key || probe.embedding_len != embedding_len {
                let space = |key: &str, len: usize| format!("space {key} with {len} numbers");
                return Err(ClassifierError::OtherSpace {
                    found: space(&probe.space_key, probe.embedding_len),
                    expected: space(space_key, embedding_len),
                    file,
                });
            }
            if self.by_name.contains_key(&probe.name) {
                return Err(ClassifierError::Twice { file, name: probe.name });
            }
            self.by_name.insert(probe.name.clone(), probe);
        }
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Probe> {
        self.by_name.get(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Probe> {
        self.by_name.values()
    }
}
