//! Evaluations as jobs: a bounded queue, one at a time, each in a process of its own at the lowest priority.
//!
//! A process and not a thread, because it can be ended at any moment, even inside the encoder, gives its memory back, and
//! takes nothing of the server with it when it dies; and because its priority is its own. What was asked for is on disk
//! before it is acknowledged, so a server that was killed goes on where it was. Knows no HTTP.

mod cache;
mod changes;
mod order;
mod pair;
mod record;
mod request;
mod results;
mod runner;
mod state;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use simclr_eval::EvalError;
use simclr_eval::run::{Listed, listed};
use tokio::sync::watch;

use crate::config::Config;
pub use order::{Order, carry_out};
pub(crate) use record::{Event, Record};
pub(crate) use request::{Request, Status};
pub(crate) use results::Format;
use state::Shared;

/// Baselines that need no model of the server's.
pub(crate) const BASELINES: [&str; 2] = ["random", "pixels"];
/// Evaluations kept on disk; somebody has to delete some before there can be more.
const KEPT_MAX: usize = 500;

/// Why something was not done to an evaluation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvaluationError {
    /// Start the server with a folder of datasets.
    #[error("this server evaluates nothing: it was started without --evaluation-data")]
    Off,
    /// Ask for one that is there.
    #[error("there is no such evaluation; GET /v1/evaluations lists them")]
    Unknown,
    /// Come back when one of those that wait has begun.
    #[error("{0} evaluations wait already, which is the limit evaluations_waiting_max; try again later")]
    Full(usize),
    /// Delete some.
    #[error("{KEPT_MAX} evaluations are kept; delete some before there can be more")]
    TooMany,
    /// Ask for what its status allows.
    #[error("the evaluation is {0:?}; it cannot be {1}")]
    NotNow(Status, &'static str),
    /// Correct the name.
    #[error("there is no {what} {name:?}; GET /v1/evaluations/options lists them")]
    NoSuch {
        /// `encoder` or `dataset`.
        what: &'static str,
        /// The name given.
        name: String,
    },
    /// Name something.
    #[error("name at least one encoder and one dataset, each once")]
    Nothing,
    /// See the message: results are not there, or not as they were written.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

/// All evaluations, and the thread that has them done.
pub(crate) struct Evaluations {
    shared: Arc<Shared>,
    runner: Mutex<Option<JoinHandle<()>>>,
}

impl Evaluations {
    /// Reads what is on disk; what was being done when the server ended waits at the head of the queue.
    pub(crate) fn open(config: &Config) -> Result<Self, EvalError> {
        Self::check(config)?;
        let shared = Arc::new(Shared::open(config)?);
        let runner = shared.data.is_some().then(|| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("evaluations".to_owned()).spawn(move || runner::run(&shared))
        });
        let runner = runner.transpose().map_err(EvalError::io(&shared.folder))?;
        Ok(Self { shared, runner: Mutex::new(runner) })
    }

    /// Whether the folder of datasets can be read, where one is named.
    pub(crate) fn check(config: &Config) -> Result<(), EvalError> {
        config.evaluation_data.as_deref().map_or(Ok(()), |data| listed(data).map(|_| ()))
    }

    /// The datasets that can be asked for; none where evaluations are off.
    pub(crate) fn datasets(&self) -> Result<Vec<Listed>, EvaluationError> {
        match &self.shared.data {
            Some(data) => Ok(listed(data)?),
            None => Ok(Vec::new()),
        }
    }

    /// Whether there is a folder of datasets.
    pub(crate) fn are_on(&self) -> bool {
        self.shared.data.is_some()
    }

    /// Adds one to the queue; `artefacts` are the folders of the encoders that can be named.
    pub(crate) fn start(
        &self,
        request: Request,
        artefacts: &[(String, PathBuf)],
    ) -> Result<Record, EvaluationError> {
        if !self.are_on() {
            return Err(EvaluationError::Off);
        }
        let is_twice = |names: &[String]| names.iter().enumerate().any(|(i, name)| names[..i].contains(name));
        let lists = [&request.encoders, &request.datasets];
        if lists.iter().any(|names| names.is_empty() || is_twice(names)) {
            return Err(EvaluationError::Nothing);
        }
        let refuse = |what, name: &String| EvaluationError::NoSuch { what, name: name.clone() };
        let is_known = |name: &String| {
            BASELINES.contains(&name.as_str()) || artefacts.iter().any(|(known, _)| known == name)
        };
        if let Some(name) = request.encoders.iter().find(|name| !is_known(name)) {
            return Err(refuse("encoder", name));
        }
        let datasets = self.datasets()?;
        if let Some(name) = request.datasets.iter().find(|name| datasets.iter().all(|d| d.name != **name)) {
            return Err(refuse("dataset", name));
        }
        self.shared.add(request, artefacts)
    }

    /// All of them, newest first.
    pub(crate) fn all(&self) -> Vec<Record> {
        self.shared.lock().all.values().rev().map(|kept| kept.record.clone()).collect()
    }

    /// One of them.
    pub(crate) fn get(&self, id: &str) -> Result<Record, EvaluationError> {
        let inner = self.shared.lock();
        inner.all.get(id).map(|kept| kept.record.clone()).ok_or(EvaluationError::Unknown)
    }

    /// What happened to one after an event, and whether nothing more will.
    pub(crate) fn events(&self, id: &str, after: u64) -> Result<(Vec<Event>, bool), EvaluationError> {
        let inner = self.shared.lock();
        let kept = inner.all.get(id).ok_or(EvaluationError::Unknown)?;
        let events = kept.events.iter().filter(|event| event.id > after).cloned().collect();
        Ok((events, kept.record.status.has_ended() || inner.is_stopping))
    }

    /// Rises whenever something happened to any of them.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Ends one, whether it waits or runs; what it has stays.
    pub(crate) fn cancel(&self, id: &str) -> Result<Record, EvaluationError> {
        self.shared.cancel(id)
    }

    /// Adds one that ended without finishing to the queue again; it goes on where it was.
    pub(crate) fn resume(&self, id: &str) -> Result<Record, EvaluationError> {
        if !self.are_on() {
            return Err(EvaluationError::Off);
        }
        self.shared.resume(id)
    }

    /// Takes one away with its results.
    pub(crate) fn delete(&self, id: &str) -> Result<(), EvaluationError> {
        self.shared.delete(id)
    }

    /// Ends the one that runs, which goes on when the server is back; blocks until it has ended.
    pub(crate) fn stop(&self) {
        self.shared.stop();
        let runner = self.runner.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has told the log.
        runner.map(JoinHandle::join);
    }
}

impl Drop for Evaluations {
    fn drop(&mut self) {
        self.stop();
    }
}
