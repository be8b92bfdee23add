//! The probes that answer `/v1/classify`: read from folders when a model is loaded, checked against its encoder, added and
//! taken away while it answers. Refuses to know how they are fitted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::UNIX_EPOCH;

use simclr_eval::{CLASSIFIERS, Probe};
use simclr_models::Artefact;

/// Probes by name.
#[derive(Debug)]
pub(crate) struct Classifiers {
    /// Those of the artefact's own folder.
    own: BTreeMap<String, Kept>,
    /// The others; one of them takes the place of the artefact's own of its name.
    others: RwLock<BTreeMap<String, Kept>>,
}

/// A probe and its file.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) probe: Arc<Probe>,
    pub(crate) file: PathBuf,
    /// Whether it is a part of the artefact, which nobody changes.
    pub(crate) is_own: bool,
    /// When its file was written, in seconds since 1970, where the system knows.
    pub(crate) written: Option<u64>,
}

impl Kept {
    /// A probe of a file that was just read or written.
    pub(crate) fn new(probe: Arc<Probe>, file: PathBuf, is_own: bool) -> Self {
        let changed = std::fs::metadata(&file).and_then(|metadata| metadata.modified());
        let written = changed.ok().and_then(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs()));
        Self { probe, file, is_own, written }
    }
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
    #[error("classifier {file}: another file of its folder already brought a classifier named {name:?}")]
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
        let own = artefact.probes_folder();
        let own = if own.is_dir() { load(&own)? } else { Vec::new() };
        for (file, probe) in &own {
            check_space(file, probe, &BTreeSet::from([artefact.space_key().to_owned()]))?;
        }
        let own = by_name(own, artefact, true)?;
        let others = by_name(others.map(load).transpose()?.unwrap_or_default(), artefact, false)?;
        for (classifier, kept) in others.iter().filter(|(name, _)| own.contains_key(*name)) {
            let (model, file) = (artefact.name(), kept.file.display());
            tracing::info!(classifier, model, %file, "a classifier takes the place of the model's own");
        }
        Ok(Self { own, others: RwLock::new(others) })
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Probe>> {
        self.kept(name).map(|kept| kept.probe)
    }

    /// The probe with where it lies.
    pub(crate) fn kept(&self, name: &str) -> Option<Kept> {
        self.read().get(name).or_else(|| self.own.get(name)).cloned()
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<Kept> {
        let mut all = self.own.clone();
        all.extend(self.read().iter().map(|(name, kept)| (name.clone(), kept.clone())));
        all.into_values().collect()
    }

    /// Adds one that is on disk already, or puts it in another's place.
    pub(crate) fn insert(&self, kept: Kept) {
        self.write().insert(kept.probe.name.clone(), kept);
    }

    /// Takes one away that is not the artefact's own; its own of that name is there again.
    pub(crate) fn remove(&self, name: &str) {
        self.write().remove(name);
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Kept>> {
        self.others.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Kept>> {
        self.others.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of a folder's probes that live in the artefact's space, by name.
fn by_name(
    probes: Vec<(PathBuf, Probe)>,
    artefact: &Artefact,
    is_own: bool,
) -> Result<BTreeMap<String, Kept>, ClassifierError> {
    let mut found: BTreeMap<String, Kept> = BTreeMap::new();
    for (file, probe) in probes.into_iter().filter(|(_, probe)| probe.space_key == artefact.space_key()) {
        if probe.embedding_len != artefact.embedding_len() {
            let (found, expected) = (probe.embedding_len, artefact.embedding_len());
            return Err(ClassifierError::OtherLength { file, found, expected });
        }
        if found.contains_key(&probe.name) {
            return Err(ClassifierError::Twice { file, name: probe.name });
        }
        found.insert(probe.name.clone(), Kept::new(Arc::new(probe), file, is_own));
    }
    Ok(found)
}

/// Refuses a folder with a classifier that fits none of the spaces.
pub(crate) fn check_spaces(folder: &Path, spaces: &BTreeSet<String>) -> Result<(), ClassifierError> {
    let probes = load(folder)?;
    if let (true, Some(below)) = (probes.is_empty(), below(folder)) {
        let (folder, meant) = (folder.display(), below.display());
        tracing::warn!(%folder, %meant, "the folder of classifiers holds none; an evaluation's are further down");
    }
    probes.iter().try_for_each(|(file, probe)| check_space(file, probe, spaces))
}

/// The folder of classifiers in that of an encoder of an evaluation, or of the whole of it.
fn below(folder: &Path) -> Option<PathBuf> {
    let encoders = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let has_some = |folder: &PathBuf| {
        std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| is_probe(&entry.path())))
    };
    std::iter::once(folder.to_owned()).chain(encoders).map(|above| above.join(CLASSIFIERS)).find(has_some)
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
    files.retain(|path| is_probe(path));
    files.sort();
    let probe = |file: PathBuf| match Probe::load(&file) {
        Ok(probe) => Ok((file, probe)),
        Err(error) => Err(ClassifierError::Broken(error)),
    };
    files.into_iter().map(probe).collect()
}

fn is_probe(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "safetensors")
}
