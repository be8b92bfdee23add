//! The probes that answer `/v1/classify`: read from folders when a model is loaded, checked against its encoder, added and
//! taken away while it answers. Refuses to know how they are fitted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use simclr_eval::Probe;
use simclr_models::Artefact;

/// Probes by name.
#[derive(Debug, Default)]
pub(crate) struct Classifiers {
    by_name: RwLock<BTreeMap<String, Kept>>,
}

/// A probe and its file.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) probe: Arc<Probe>,
    pub(crate) file: PathBuf,
    /// Whether it is a part of the artefact, which nobody changes.
    pub(crate) is_own: bool,
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
        let mut by_name: BTreeMap<String, Kept> = BTreeMap::new();
        let own = artefact.probes_folder();
        let own = if own.is_dir() { load(&own)? } else { Vec::new() };
        for (file, probe) in &own {
            check_space(file, probe, &BTreeSet::from([artefact.space_key().to_owned()]))?;
        }
        let others = others.map(load).transpose()?.unwrap_or_default();
        let own = own.into_iter().map(|found| (found, true));
        for ((file, probe), is_own) in own.chain(others.into_iter().map(|found| (found, false))) {
            if probe.space_key != artefact.space_key() {
                continue;
            }
            if probe.embedding_len != artefact.embedding_len() {
                let (found, expected) = (probe.embedding_len, artefact.embedding_len());
                return Err(ClassifierError::OtherLength { file, found, expected });
            }
            if by_name.contains_key(&probe.name) {
                return Err(ClassifierError::Twice { file, name: probe.name });
            }
            by_name.insert(probe.name.clone(), Kept { probe: Arc::new(probe), file, is_own });
        }
        Ok(Self { by_name: RwLock::new(by_name) })
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Probe>> {
        self.kept(name).map(|kept| kept.probe)
    }

    /// The probe with where it lies.
    pub(crate) fn kept(&self, name: &str) -> Option<Kept> {
        self.read().get(name).cloned()
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<Kept> {
        self.read().values().cloned().collect()
    }

    /// Adds one that is on disk already, or puts it in another's place.
    pub(crate) fn insert(&self, kept: Kept) {
        self.write().insert(kept.probe.name.clone(), kept);
    }

    pub(crate) fn remove(&self, name: &str) {
        self.write().remove(name);
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Kept>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Kept>> {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner)
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
