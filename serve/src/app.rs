//! What the handlers may reach: the models behind their queues, the collections, the counters.
//!
//! Everything is opened, checked and warmed here, before anybody listens. Knows no routes and no status codes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use simclr_models::Encoder;
use simclr_search::{SearchError, VectorStore};
use tokio::sync::{Semaphore, watch};

use crate::config::Config;
use crate::evaluations::Evaluations;
use crate::fetching::Fetcher;
use crate::keeping::Keeper;
use crate::keys::{Keys, KeysError};
use crate::listening::{Tls, TlsError};
use crate::map::Arrangements;
use crate::memory::give_back;
use crate::metrics::Metrics;
use crate::models::{ModelError, Models};
use crate::stores;
use crate::watching;

/// Reads and writes of collections that run at the same time; more wait their turn within their request's deadline.
const STORE_THREADS: usize = 16;

/// The server without its socket.
pub struct App {
    pub(crate) config: Config,
    pub(crate) models: Models,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) keys: Option<Keys>,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Nothing where no host may be fetched from.
    pub(crate) fetcher: Option<Arc<Fetcher>>,
    pub(crate) keeper: Keeper,
    pub(crate) evaluations: Arc<Evaluations>,
    pub(crate) arrangements: Arc<Arrangements>,
    collections: Arc<dyn VectorStore>,
    store_room: Arc<Semaphore>,
    aside_room: Arc<Semaphore>,
    pub(crate) requests_room: Arc<Semaphore>,
    pub(crate) bodies_room: Arc<Semaphore>,
    pub(crate) streams_room: Arc<Semaphore>,
    /// Snapshots of a collection under way at once: one, as each keeps what is replaced meanwhile in the file.
    pub(crate) snapshot_room: Arc<Semaphore>,
    stopping: AtomicBool,
    /// Whether a stop has no more time for what is not answered.
    at_the_end: watch::Sender<bool>,
}

/// Why the server did not start; shown to the person who starts it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// See the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Give a data folder that can be written and is not open elsewhere.
    #[error("data folder {folder}: {reason}")]
    Collections {
        /// The folder given.
        folder: PathBuf,
        /// What is wrong with it.
        reason: SearchError,
    },
    /// Name a store that answers, or a program built for it.
    #[error("--store {store}: {reason}")]
    Store {
        /// The store asked for.
        store: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Repair or remove what the message names.
    #[error("evaluations: {0}")]
    Evaluations(#[from] simclr_eval::EvalError),
    /// Correct the file of API keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Correct the certificate or its key.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// Listen elsewhere, or end what listens there.
    #[error("listening on {address}: {reason}")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The task that opens everything died; its words are in the log.
    #[error("opening what is served: {0}")]
    Died(std::io::Error),
}

impl App {
    /// Opens the models, their sessions and classifiers, and the collections.
    ///
    /// # Errors
    /// The first of them that does not open or does not fit the others.
    pub fn open(config: Config) -> Result<Arc<Self>, StartError> {
        let metrics = Arc::new(Metrics::new());
        let models = Models::open(&config, &metrics)?;
        Self::assemble(config, models, metrics)
    }

    /// Like [`open`](Self::open), with encoders of the caller's own for `--model` in place of ONNX Runtime's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with_encoders(config: Config, encoders: Vec<Box<dyn Encoder>>) -> Result<Arc<Self>, StartError> {
        let metrics = Arc::new(Metrics::new());
        let models = Models::with_encoders(encoders, &config, &metrics)?;
        Self::assemble(config, models, metrics)
    }

    /// Opens everything that a configuration names and closes it again; every mistake found, where one does not hide the next.
    pub fn check(config: &Config) -> Vec<StartError> {
        let mut problems: Vec<StartError> = Vec::new();
        if let Some(Err(error)) = config.api_keys.as_deref().map(Keys::open) {
            problems.push(error.into());
        }
        if let Some(Err(error)) = config.tls.as_ref().map(|(certificate, key)| Tls::open(certificate, key)) {
            problems.push(error.into());
        }
        if let Err(error) = Evaluations::check(config) {
            problems.push(error.into());
        }
        problems.extend(stores::check(config));
        // One that is taken is likely this very server's, which runs while its next configuration is checked.
        if let Err(reason) = std::net::TcpListener::bind(config.listen)
            && reason.kind() != std::io::ErrorKind::AddrInUse
        {
            problems.push(StartError::Listen { address: config.listen, reason });
        }
        problems.extend(Models::check(config, &Arc::new(Metrics::new())).into_iter().map(StartError::from));
        problems
    }

    fn assemble(config: Config, models: Models, metrics: Arc<Metrics>) -> Result<Arc<Self>, StartError> {
        let keys = config.api_keys.as_deref().map(Keys::open).transpose()?;
        let tls = config.tls.as_ref().map(|(certificate, key)| Tls::open(certificate, key)).transpose()?;
        let collections = stores::open(&config)?;
        let evaluations = Evaluations::open(&config)?;
        let app = Arc::new(Self {
            requests_room: Arc::new(Semaphore::new(config.limits.requests_max)),
            bodies_room: Arc::new(Semaphore::new(kibibytes(config.limits.bodies_bytes_max))),
            streams_room: Arc::new(Semaphore::new(config.limits.event_streams_max)),
            snapshot_room: Arc::new(Semaphore::new(1)),
            store_room: Arc::new(Semaphore::new(STORE_THREADS)),
            aside_room: Arc::new(Semaphore::new(config.cores)),
            keeper: Keeper::new(models.decoding(), &config.limits),
            evaluations: Arc::new(evaluations),
            arrangements: Arc::new(Arrangements::new(config.data_dir.join("maps"), config.evaluation_nice)),
            stopping: AtomicBool::new(false),
            at_the_end: watch::Sender::new(false),
            collections,
            tls: tls.map(Arc::new),
            fetcher: config.fetch.clone().map(|rules| Arc::new(Fetcher::new(rules))),
            keys,
            config,
            models,
            metrics,
        });
        if let Some(every) = app.config.watch {
            watching::watch(&app, every).map_err(StartError::Died)?;
        }
        // Opening, measuring and warming needed more than serving does.
        give_back();
        Ok(app)
    }

    /// Runs work on the collections off the request threads, a bounded number at a time.
    pub(crate) async fn store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn VectorStore) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let room = Arc::clone(&self.store_room).acquire_owned().await.map_err(|_| StoreError::Died)?;
        let collections = Arc::clone(&self.collections);
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&*collections);
            drop(room);
            result
        });
        task.await.map_err(|_| StoreError::Died)?.map_err(StoreError::Search)
    }

    /// Runs work that would hold up the request threads beside them, as many at a time as there are cores; none where it
    /// panicked, with its words in the log.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let room = Arc::clone(&self.aside_room).acquire_owned().await.ok()?;
        // The place travels with the work: what goes on for a caller who left counts.
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(room);
            result
        });
        task.await.ok()
    }

    /// Whether new requests are welcome: not stopping, and every model answers.
    pub(crate) fn ready(&self) -> bool {
        !self.is_stopping() && self.models.are_well()
    }

    /// Syncs what collections acknowledged before it was synced.
    pub(crate) fn sync_collections(&self) {
        if let Err(error) = self.collections.sync() {
            tracing::error!(%error, "acknowledged records could not be synced");
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn stop_being_ready(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Has what is not answered yet refused.
    pub(crate) fn refuse_the_rest(&self) {
        self.at_the_end.send_replace(true);
    }

    /// Waits until what is not answered yet is to be refused.
    pub(crate) async fn last_moment(&self) {
        let mut told = self.at_the_end.subscribe();
        // Whoever tells is there as long as this is.
        let _ = told.wait_for(|told| *told).await;
    }
}

/// Why work on the collections has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The collections' own answer.
    #[error(transparent)]
    Search(SearchError),
    /// The work panicked; the log has its words.
    #[error("the work on the collection died")]
    Died,
}

/// Room for bodies is counted in KiB, since a semaphore's permits are counted in 32 bits.
pub(crate) fn kibibytes(bytes: usize) -> usize {
    bytes.div_ceil(1024).max(1)
}
