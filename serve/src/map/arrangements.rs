//! Arranging a collection by its neighbours as a job: one at a time, on one thread of the lowest priority, what it found kept
//! in the data folder.
//!
//! A job does not survive the server, since it takes about a minute; what it left does. Knows no HTTP.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use simclr_search::{SearchError, VectorCollection};

use super::arrange::{ArrangeError, FEWEST, SAMPLE, arrange};
use super::kept::{Kept, key};
use super::{NUMBERS_MAX, POINTS_MAX, direction};
use crate::background::quietly;
use crate::sampling::evenly;

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Finished,
    Failed,
    Cancelled,
}

/// The last job there was.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) collection: String,
    pub(crate) status: Status,
    /// What is being done, how far it is and of how much.
    pub(crate) step: &'static str,
    pub(crate) done: usize,
    pub(crate) of: usize,
    /// Why it failed.
    pub(crate) problem: Option<String>,
}

/// Why a job was not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartRefused {
    /// Come back when it has ended.
    #[error("a map is being arranged already, one at a time; try again later")]
    Busy,
    /// Add records.
    #[error("{0} records are too few to arrange; it takes at least {FEWEST}")]
    TooFew(usize),
    /// See the store's answer.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The system gave no thread.
    #[error("no thread: {0}")]
    Thread(std::io::Error),
}

/// The job there may be, and what earlier ones left.
pub(crate) struct Arrangements {
    folder: PathBuf,
    nice: u8,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    job: Option<Job>,
    /// Until the job's thread has ended, which may be a moment after it was cancelled.
    is_busy: bool,
}

impl Arrangements {
    /// Keeps what is found in `folder`; jobs run at a niceness.
    pub(crate) fn new(folder: PathBuf, nice: u8) -> Self {
        Self { folder, nice, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, collection: &str) -> PathBuf {
        self.folder.join(format!("{collection}.map"))
    }

    /// The last job, where it was this collection's.
    pub(crate) fn job(&self, collection: &str) -> Option<Job> {
        self.lock().job.clone().filter(|job| job.collection == collection)
    }

    /// What is kept of a collection; reads a file.
    pub(crate) fn kept(&self, collection: &str) -> Option<Kept> {
        Kept::load(&self.file(collection))
    }

    /// Starts one, unless this collection's runs already; its records are read `page` at a time. Waits for the store.
    pub(crate) fn start(
        self: &Arc<Self>,
        collection: Arc<dyn VectorCollection>,
        page: usize,
    ) -> Result<(), StartRefused> {
        let (count, name) = (collection.count()?, collection.name().to_owned());
        if count < FEWEST {
            return Err(StartRefused::TooFew(count));
        }
        let mut inner = self.lock();
        let runs = |job: &Job| job.status == Status::Running && job.collection == name;
        if inner.job.as_ref().is_some_and(runs) {
            return Ok(());
        }
        if inner.is_busy {
            return Err(StartRefused::Busy);
        }
        let this = Arc::clone(self);
        let thread = std::thread::Builder::new().name("arranging".to_owned());
        let for_thread = name.clone();
        thread.spawn(move || this.run(&for_thread, collection, page)).map_err(StartRefused::Thread)?;
        let (status, step) = (Status::Running, "reading");
        inner.job = Some(Job { collection: name, status, step, done: 0, of: count, problem: None });
        inner.is_busy = true;
        Ok(())
    }

    fn run(&self, name: &str, collection: Arc<dyn VectorCollection>, page: usize) {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let kept = self.work(name, collection, page)?;
            let is_wanted = self.go_on(name, "keeping", 0, 1);
            Ok::<_, ArrangeError>(if is_wanted { kept.save(&self.file(name)) } else { Ok(()) })
        }));
        let mut inner = self.lock();
        inner.is_busy = false;
        // Whoever cancelled it has said so already.
        let Some(job) = inner.job.as_mut().filter(|job| job.status == Status::Running) else { return };
        let problem = match result {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(format!("keeping it in the data folder: {error}")),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the work died; the log has its words".to_owned()),
        };
        job.status = if problem.is_some() { Status::Failed } else { Status::Finished };
        tracing::info!(collection = name, problem, "a map's arrangement ends");
        job.problem = problem;
    }

    /// Reads at the caller's priority, since a store's locks must not be held by a thread that waits for the processor.
    fn work(
        &self,
        name: &str,
        collection: Arc<dyn VectorCollection>,
        page: usize,
    ) -> Result<Kept, ArrangeError> {
        let dimension = collection.config().dimension;
        let most = POINTS_MAX.min(NUMBERS_MAX / dimension);
        let (mut rows, mut keys) = (Vec::new(), Vec::new());
        let records = evenly(&*collection, most, page, |record| {
            rows.extend(direction(&record.vector));
            keys.push(key(&record.vector));
        });
        let records = records.map_err(|error| ArrangeError::Failed(error.to_string()))?;
        // Nothing of the store is held while the work goes on.
        drop(collection);
        let tell = |step, done, of| self.go_on(name, step, done, of);
        let places = quietly(self.nice, 1, || arrange(rows, dimension, SAMPLE, &tell));
        let places = places.map_err(|error| ArrangeError::Failed(error.to_string()))??;
        Ok(Kept::new(records, keys.len().min(SAMPLE), &keys, &places))
    }

    /// Notes how far it is; whether it is still wanted.
    fn go_on(&self, name: &str, step: &'static str, done: usize, of: usize) -> bool {
        let mut inner = self.lock();
        let running = |job: &&mut Job| job.status == Status::Running && job.collection == name;
        let Some(job) = inner.job.as_mut().filter(running) else { return false };
        (job.step, job.done, job.of) = (step, done, of);
        true
    }

    /// Ends a collection's job where one runs, or else forgets what is kept.
    pub(crate) fn end(&self, collection: &str) -> std::io::Result<()> {
        let mut inner = self.lock();
        if let Some(job) = inner.job.as_mut().filter(|job| job.collection == collection) {
            if job.status == Status::Running {
                job.status = Status::Cancelled;
                return Ok(());
            }
            inner.job = None;
        }
        match std::fs::remove_file(self.file(collection)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Ends the one that runs, whosever it is.
    pub(crate) fn stop(&self) {
        let mut inner = self.lock();
        if let Some(job) = inner.job.as_mut().filter(|job| job.status == Status::Running) {
            job.status = Status::Cancelled;
        }
    }
}
