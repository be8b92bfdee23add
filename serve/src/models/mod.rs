//! The models that answer, by name: loaded at start, loaded again and unloaded while the server runs.
//!
//! A load opens, checks and warms the new model beside the old one and only then puts it in its place; requests that hold
//! the old one finish with it. A load that fails changes nothing. Knows no HTTP; a name leads only to folders that the
//! configuration named.

mod checking;
mod error;
mod making;
mod parallel;
mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use simclr_models::Encoder;
use tokio::sync::Semaphore;

use crate::batching::Sessions;
use crate::config::Config;
use crate::metrics::Metrics;
pub use error::ModelError;
pub(crate) use making::MakeError;
pub(crate) use parallel::Parallel;
pub(crate) use served::Served;

/// All models.
pub(crate) struct Models {
    common: Common,
    /// The model of `--model`: its name and folder.
    first: Option<(String, PathBuf)>,
    loaded: RwLock<BTreeMap<String, Arc<Served>>>,
    /// One load at a time: each takes the memory of a whole model.
    loading: Mutex<()>,
}

/// What every model is opened with.
struct Common {
    config: Config,
    metrics: Arc<Metrics>,
    /// Sessions and threads of every model: given, or chosen with the first.
    parallel: OnceLock<Parallel>,
    /// For the pictures that are decoded at once, whichever model they are for.
    decoding: Arc<Semaphore>,
}

impl Common {
    fn new(config: &Config, metrics: &Arc<Metrics>, parallel: OnceLock<Parallel>) -> Self {
        let decoding = Arc::new(Semaphore::new(config.decode_threads));
        Self { config: config.clone(), metrics: Arc::clone(metrics), parallel, decoding }
    }
}

impl Models {
    /// Loads every model that the configuration names.
    pub(crate) fn open(config: &Config, metrics: &Arc<Metrics>) -> Result<Self, ModelError> {
        let parallel = OnceLock::new();
        if let Some((sessions, threads)) = config.sessions {
            let _ = parallel.set(Parallel::given(sessions, threads));
        }
        let common = Common::new(config, metrics, parallel);
        let first = match &config.model {
            Some(folder) => Some(Served::open(folder, &common)?),
            None => None,
        };
        Self::with_first(first, common)
    }

    /// Takes the first model with encoders of the caller's own, and loads the others.
    pub(crate) fn with_encoders(
        encoders: Vec<Box<dyn Encoder>>,
        config: &Config,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ModelError> {
        let threads = config.sessions.map_or(1, |(_, threads)| threads);
        let parallel = OnceLock::from(Parallel::given(encoders.len(), threads));
        let common = Common::new(config, metrics, parallel);
        let first = match &config.model {
            Some(folder) => {
                let sessions = Sessions { side_by_side: encoders, lone: None };
                Some(Served::with_sessions(served::open_artefact(folder)?, sessions, &common)?)
            }
            None => None,
        };
        Self::with_first(first, common)
    }

    fn with_first(first: Option<Served>, common: Common) -> Result<Self, ModelError> {
        let named = first.as_ref().map(|m| (m.name().to_owned(), m.artefact.folder().to_owned()));
        let models = Self {
            common,
            first: named,
            loaded: RwLock::new(first.into_iter().map(|m| (m.name().to_owned(), Arc::new(m))).collect()),
            loading: Mutex::default(),
        };
        let config = &models.common.config;
        for name in models.folders()? {
            let folder = config.models_dir.iter().map(|parent| parent.join(&name)).next();
            match models.get(&name) {
                Some(other) if folder.as_deref().is_some_and(|f| is_same(f, other.artefact.folder())) => {}
                Some(_) => return Err(ModelError::Twice { folder: folder.unwrap_or_default() }),
                None => _ = models.load(&name)?,
            }
        }
        let spaces: BTreeSet<String> = models.all().iter().map(|m| m.space_key().to_owned()).collect();
        if let Some(folder) = &config.classifiers {
            crate::classifiers::check_spaces(folder, &spaces)?;
        }
        Ok(models)
    }

    /// Every model that could be loaded, with its folder.
    pub(crate) fn known(&self) -> BTreeMap<String, PathBuf> {
        let of_folder = self.common.config.models_dir.iter().flat_map(|parent| {
            let names = self.folders().unwrap_or_default();
            names.into_iter().map(|name| (name.clone(), parent.join(name)))
        });
        of_folder.chain(self.first.clone()).collect()
    }

    /// Names of the artefacts in the models folder, loaded or not.
    fn folders(&self) -> Result<BTreeSet<String>, ModelError> {
        let Some(parent) = &self.common.config.models_dir else { return Ok(BTreeSet::new()) };
        let failed = |reason| ModelError::Folder { folder: parent.clone(), reason };
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(parent).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !name.starts_with('.') && path.join("card.toml").is_file() {
                names.insert(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Loads a model, or loads it again; whether it took another's place. Blocks.
    pub(crate) fn load(&self, name: &str) -> Result<(Arc<Served>, bool), ModelError> {
        let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder_of(name).ok_or(ModelError::Unknown)?;
        let opened = Served::open(&folder, &self.common);
        let opened = opened.and_then(|served| {
            let other = || ModelError::OtherName { folder, name: served.name().to_owned() };
            if served.name() == name { Ok(served) } else { Err(other()) }
        });
        self.common.metrics.model_load(opened.is_ok());
        let served = opened?;
        let served = Arc::new(served);
        let old = self.write().insert(name.to_owned(), Arc::clone(&served));
        tracing::info!(
            model = name,
            space_key = served.space_key(),
            again = old.is_some(),
            "a model is loaded"
        );
        Ok((served, old.is_some()))
    }

    /// Takes a model out; requests that hold it finish with it.
    pub(crate) fn unload(&self, name: &str) -> bool {
        let old = self.write().remove(name);
        if old.is_some() {
            tracing::info!(model = name, "a model is unloaded");
        }
        old.is_some()
    }

    fn folder_of(&self, name: &str) -> Option<PathBuf> {
        if let Some((_, folder)) = self.first.as_ref().filter(|(first, _)| first == name) {
            return Some(folder.clone());
        }
        // A name from a request leads to a folder that is there and nowhere else.
        let found = self.folders().ok()?.contains(name);
        self.common.config.models_dir.as_ref().filter(|_| found).map(|parent| parent.join(name))
    }

    /// Sessions and threads; nothing before the first model was loaded.
    pub(crate) fn parallel(&self) -> Option<&Parallel> {
        self.common.parallel.get()
    }

    /// Every artefact there is, loaded or not, with its folder.
    pub(crate) fn artefacts(&self) -> Vec<(String, PathBuf)> {
        let names = self.all().into_iter().map(|served| served.name().to_owned()).chain(self.unloaded());
        let mut all: Vec<_> = names.filter_map(|name| Some((name.clone(), self.folder_of(&name)?))).collect();
        all.sort();
        all
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Served>> {
        self.read().get(name).cloned()
    }

    /// The room of the threads that decode.
    pub(crate) fn decoding(&self) -> Arc<Semaphore> {
        Arc::clone(&self.common.decoding)
    }

    /// The one for requests that name none: that of `--model`, or the only one there is.
    pub(crate) fn default_one(&self) -> Option<Arc<Served>> {
        let loaded = self.read();
        let first = self.first.as_ref().and_then(|(name, _)| loaded.get(name));
        first.or_else(|| loaded.values().next().filter(|_| loaded.len() == 1)).cloned()
    }

    /// The one whose embeddings live in a space.
    pub(crate) fn of_space(&self, space_key: &str) -> Option<Arc<Served>> {
        self.read().values().find(|served| served.space_key() == space_key).cloned()
    }

    /// All that are loaded, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Served>> {
        self.read().values().cloned().collect()
    }

    /// Names that could be loaded and are not.
    pub(crate) fn unloaded(&self) -> Vec<String> {
        let mut names = self.folders().unwrap_or_default();
        names.extend(self.first.as_ref().map(|(name, _)| name.clone()));
        let loaded = self.read();
        names.into_iter().filter(|name| !loaded.contains_key(name)).collect()
    }

    /// Whether there is one and none of them keeps failing.
    pub(crate) fn are_well(&self) -> bool {
        let loaded = self.read();
        !loaded.is_empty() && loaded.values().all(|served| served.is_well())
    }

    /// Pictures admitted and not yet taken by a session, of all models together.
    pub(crate) fn waiting(&self) -> usize {
        self.all().iter().map(|served| served.embedder.batcher().waiting()).sum()
    }

    /// Refuses new pictures everywhere.
    pub(crate) fn close(&self) {
        self.all().iter().for_each(|served| served.embedder.batcher().close());
    }

    /// Closes and waits until everyone admitted is answered; blocks.
    pub(crate) fn join(&self) {
        self.close();
        self.all().iter().for_each(|served| served.embedder.batcher().join());
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Served>>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Served>>> {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
