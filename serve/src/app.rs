//! What the handlers may reach: the encoder behind its queue, the classifiers, the collections, the counters.
//!
//! Everything is opened, checked and warmed here, before anybody listens. Knows no routes and no status codes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use simclr_models::{Artefact, ArtefactError, EncodeError, Encoder, ImageBatch, OnnxEncoder};
use simclr_search::{Collections, SearchError};
use tokio::sync::Semaphore;

use crate::classifiers::{ClassifierError, Classifiers};
use crate::config::{Config, Limits};
use crate::embedder::Embedder;
use crate::metrics::Metrics;

/// Reads and writes of collections that run at the same time; more wait their turn within their request's deadline.
const STORE_THREADS: usize = 16;

/// The server without its socket.
pub struct App {
    pub(crate) config: Config,
    pub(crate) artefact: Artefact,
    pub(crate) embedder: Embedder,
    pub(crate) classifiers: Classifiers,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) started: u64,
    collections: Arc<Collections>,
    store_room: Arc<Semaphore>,
    pub(crate) requests_room: Arc<Semaphore>,
    pub(crate) bodies_room: Arc<Semaphore>,
    stopping: AtomicBool,
}

/// Why the server did not start; shown to the person who starts it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
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
    /// Give a data folder that can be written and is not open elsewhere.
    #[error("data folder {folder}: {reason}")]
    Collections {
        /// The folder given.
        folder: PathBuf,
        /// What is wrong with it.
        reason: SearchError,
    },
    /// Listen elsewhere, or end what listens there.
    #[error("listening on {address}: {reason}")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The system gave no thread.
    #[error("starting the sessions: {0}")]
    Threads(std::io::Error),
}

impl App {
    /// Opens the artefact, its sessions, the classifiers and the collections.
    ///
    /// # Errors
    /// The first of them that does not open or does not fit the others.
    pub fn open(config: Config) -> Result<Arc<Self>, StartError> {
        let artefact = open_artefact(&config)?;
        let mut encoders: Vec<Box<dyn Encoder>> = Vec::with_capacity(config.sessions);
        for _ in 0..config.sessions {
            let encoder = OnnxEncoder::open(&artefact, config.session_threads)
                .map_err(|reason| StartError::Encoder { folder: config.model.clone(), reason })?;
            encoders.push(Box::new(encoder));
        }
        Self::assemble(config, artefact, encoders)
    }

    /// Like [`open`](Self::open), with encoders of the caller's own in place of ONNX Runtime's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with_encoders(config: Config, encoders: Vec<Box<dyn Encoder>>) -> Result<Arc<Self>, StartError> {
        let artefact = open_artefact(&config)?;
        Self::assemble(config, artefact, encoders)
    }

    fn assemble(
        config: Config,
        artefact: Artefact,
        mut encoders: Vec<Box<dyn Encoder>>,
    ) -> Result<Arc<Self>, StartError> {
        let mut classifiers = Classifiers::default();
        let own = artefact.probes_folder();
        for folder in own.is_dir().then_some(own).iter().chain(&config.classifiers) {
            classifiers.load(folder, artefact.space_key(), artefact.embedding_len())?;
        }
        let folder = config.data_dir.join("collections");
        let collections = Collections::open(&folder, search_limits(config.limits))
            .map_err(|reason| StartError::Collections { folder, reason })?;
        for problem in collections.problems() {
            tracing::error!(collection = problem.name, reason = %problem.error, "a collection is unusable");
        }
        for encoder in &mut encoders {
            warm(encoder.as_mut(), &artefact, config.limits)
                .map_err(|reason| StartError::Encoder { folder: config.model.clone(), reason })?;
        }
        let metrics = Arc::new(Metrics::new());
        let embedder = Embedder::start(&config, artefact.recipe().clone(), encoders, Arc::clone(&metrics))
            .map_err(StartError::Threads)?;
        Ok(Arc::new(Self {
            requests_room: Arc::new(Semaphore::new(config.limits.requests_max)),
            bodies_room: Arc::new(Semaphore::new(kibibytes(config.limits.bodies_bytes_max))),
            store_room: Arc::new(Semaphore::new(STORE_THREADS)),
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            stopping: AtomicBool::new(false),
            collections: Arc::new(collections),
            config,
            artefact,
            embedder,
            classifiers,
            metrics,
        }))
    }

    /// The collections; they touch the disk, so ask them through [`store`](Self::store) where they may wait.
    pub(crate) fn collections(&self) -> &Collections {
        &self.collections
    }

    /// Runs work on the collections off the request threads, a bounded number at a time.
    pub(crate) async fn store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Collections) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let room = Arc::clone(&self.store_room).acquire_owned().await.map_err(|_| StoreError::Died)?;
        let collections = Arc::clone(&self.collections);
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&collections);
            drop(room);
            result
        });
        task.await.map_err(|_| StoreError::Died)?.map_err(StoreError::Search)
    }

    /// Whether new requests are welcome: not stopping, and the encoder answers.
    pub(crate) fn ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed) && !self.embedder.batcher().keeps_failing()
    }

    pub(crate) fn stop_being_ready(&self) {
        self.stopping.store(true, Ordering::Relaxed);
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

fn search_limits(limits: Limits) -> simclr_search::Limits {
    let records = limits.request_records_max;
    simclr_search::Limits {
        records_per_request_max: records,
        search_limit_max: records,
        page_limit_max: records,
        ..simclr_search::Limits::default()
    }
}

fn open_artefact(config: &Config) -> Result<Artefact, StartError> {
    Artefact::open(&config.model)
        .map_err(|reason| StartError::Artefact { folder: config.model.clone(), reason })
}

/// One picture and a full batch: the first runs of a session allocate what later ones reuse.
fn warm(encoder: &mut dyn Encoder, artefact: &Artefact, limits: Limits) -> Result<(), EncodeError> {
    let side = artefact.recipe().side as usize;
    for pictures in [1, limits.batch_pictures_max] {
        let black = std::iter::repeat_with(|| vec![0.0; 3 * side * side]).take(pictures);
        encoder.embed(&ImageBatch::from_prepared(side, black))?;
    }
    Ok(())
}
