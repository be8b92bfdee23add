//! The probes that answer `/v1/classify`: read from folders at start, checked against the encoder, then only asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use simclr_eval::Probe;
use simclr_models::Artefact;

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
    #[error("classifier {file} was fitted on embeddings of space {found}; the models here make {expected}")]
    OtherSpace {
        /// Which file.
        file: PathBuf,
        /// The probe's space.
        found: String,
        /// The models'.
        expected: String,
    },
    /// Fit the probe again: it names this space and takes embeddings of another length.
    #[error("classifier {file} takes embeddings of {found} numbers; the encoder makes {expected}")]
    OtherLength {
        /// Which file.
        file: PathBuf,
        /// The probe's length.
        found: usize,
        /// The encoder's.
        expected: usize,
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
    /// Those in the artefact's own folder, all of which must fit it, and those of another folder that do.
    pub(crate) fn of(artefact: &Artefact, others: Option<&Path>) -> Result<Self, ClassifierError> {
        let mut classifiers = Self::default();
        let own = artefact.probes_folder();
        let own = if own.is_dir() { load(&own)? } else { Vec::new() };
        for (file, probe) in &own {
            check_space(file, probe, &BTreeSet::from([artefact.space_key().to_owned()]))?;
        }
        let others = others.map(load).transpose()?.unwrap_or_default();
        for (file, probe) in own.into_iter().chain(others) {
            if probe.space_key != artefact.space_key() {
                continue;
            }
            if probe.embedding_len != artefact.embedding_len() {
                let (found, expected) = (probe.embedding_len, artefact.embedding_len());
                return Err(ClassifierError::OtherLength { file, found, expected });
            }
            if classifiers.by_name.contains_key(&probe.name) {
                return Err(ClassifierError::Twice { file, name: probe.name });
            }
            classifiers.by_name.insert(probe.name.clone(), probe);
        }
        Ok(classifiers)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Probe> {
        self.by_name.get(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Probe> {
        self.by_name.values()
    }
}

/// Refuses a folder with a classifier that fits none of the spaces.
pub(crate) fn check_spaces(folder: &Path, spaces: &BTreeSet<String>) -> Result<(), ClassifierError> {
    load(folder)?.iter().try_for_each(|(file, probe)| check_space(file, probe, spaces))
}

fn check_space(file: &Path, probe: &Probe, spaces: &BTreeSet<String>) -> Result<(), ClassifierError> {
    if spaces.contains(&probe.space_key) {
        return Ok(());
    }
    let expected = spaces.iter().cloned().collect::<Vec<_>>().join(", ");
    Err(ClassifierError::OtherSpace { file: file.to_owned(), found: probe.space_key.clone(), expected })
}

/// Every `*.safetensors` of a folder, in the order of their names.
fn load(folder: &Path) -> Result<Vec<(PathBuf, Probe)>, ClassifierError> {
    let failed = |reason| ClassifierError::Folder { folder: folder.to_owned(), reason };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    let probe = |file: PathBuf| match Probe::load(&file) {
        Ok(probe) => Ok((file, probe)),
        Err(error) => Err(ClassifierError::Broken(error)),
    };
    files.into_iter().map(probe).collect()
}
