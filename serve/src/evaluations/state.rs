//! The state that requests and the runner share: every change goes to disk before it counts.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use simclr_eval::{EvalError, Storage};
use tokio::sync::watch;

use super::order::Told;
use super::record::Kept;
use super::request::Status;
use crate::config::Config;

pub(super) const RECORD: &str = "evaluation.json";
pub(super) const ORDER: &str = "order.json";

/// What requests and the runner share.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) data: Option<PathBuf>,
    pub(super) program: Option<PathBuf>,
    pub(super) changed: watch::Sender<u64>,
    /// Something waits, a process has ended, or the server stops.
    pub(super) wake: Condvar,
    pub(super) waiting_max: usize,
    pub(super) cache_bytes_max: u64,
    pub(super) nice: u8,
    pub(super) like: Option<PathBuf>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) all: BTreeMap<String, Kept>,
    pub(super) waiting: VecDeque<String>,
    /// The one whose process is there, until that has ended.
    pub(super) busy: Option<String>,
    /// The process, until it is waited for.
    pub(super) child: Option<Child>,
    pub(super) is_stopping: bool,
}

impl Inner {
    /// Ends the process; one that has ended by itself needs nothing.
    pub(super) fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
        }
    }
}

impl Shared {
    pub(super) fn open(config: &Config) -> Result<Self, EvalError> {
        let shared = Self {
            folder: config.data_dir.join("evaluations"),
            data: config.evaluation_data.clone(),
            program: config.program.clone(),
            changed: watch::Sender::new(0),
            wake: Condvar::new(),
            waiting_max: config.limits.evaluations_waiting_max,
            cache_bytes_max: config.limits.evaluation_cache_bytes_max,
            nice: config.evaluation_nice,
            like: config.model.clone(),
            inner: Mutex::default(),
        };
        let mut inner = shared.lock();
        for id in shared.folders()? {
            let Some(bytes) = shared.place(&id).read(RECORD)? else { continue };
            match serde_json::from_slice::<Kept>(&bytes) {
                Ok(kept) if kept.record.id == id => _ = inner.all.insert(id, kept),
                problem => {
                    tracing::error!(id, problem = ?problem.err(), "an evaluation cannot be read");
                }
            }
        }
        // What was being done goes first; ids rise with time.
        let mut open: Vec<(bool, String)> = Vec::new();
        for (id, kept) in &mut inner.all {
            if kept.record.status == Status::Running {
                kept.enter(Status::Interrupted, None);
                shared.keep(kept)?;
            }
            if !kept.record.status.has_ended() {
                open.push((kept.record.status != Status::Interrupted, id.clone()));
            }
        }
        open.sort();
        inner.waiting.extend(open.into_iter().map(|(_, id)| id));
        drop(inner);
        Ok(shared)
    }

    /// The names of the folders with evaluations.
    fn folders(&self) -> Result<Vec<String>, EvalError> {
        if !self.folder.is_dir() {
            return Ok(Vec::new());
        }
        let items = std::fs::read_dir(&self.folder).map_err(EvalError::io(&self.folder))?;
        let names = items.filter_map(|item| item.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| self.folder.join(name).join(RECORD).is_file()).collect())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn place(&self, id: &str) -> Storage {
        Storage::folder(&self.folder.join(id))
    }

    pub(super) fn out(&self, id: &str) -> PathBuf {
        self.folder.join(id).join("results")
    }

    /// Where features and finished stages are kept, of all evaluations.
    pub(super) fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    pub(super) fn order_file(&self, id: &str) -> PathBuf {
        self.folder.join(id).join(ORDER)
    }

    pub(super) fn keep(&self, kept: &Kept) -> Result<(), EvalError> {
        write(&self.place(&kept.record.id), RECORD, kept)
    }

    pub(super) fn tell_watchers(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Takes in what the process told.
    pub(super) fn take(&self, id: &str, told: Told) {
        let mut inner = self.lock();
        // What was cancelled may still say a word.
        let running = inner.all.get_mut(id).filter(|kept| kept.record.status == Status::Running);
        if let Some(kept) = running
            && kept.take(told)
        {
            self.log(kept);
        }
        drop(inner);
        self.tell_watchers();
    }

    /// Changes a status; a write that fails is told to the log, since the evaluation itself has happened.
    pub(super) fn enter(&self, inner: &mut Inner, id: &str, status: Status, problem: Option<String>) {
        if let Some(kept) = inner.all.get_mut(id) {
            kept.enter(status, problem);
            self.log(kept);
        }
        self.tell_watchers();
    }

    fn log(&self, kept: &Kept) {
        if let Err(error) = self.keep(kept) {
            tracing::error!(%error, "an evaluation's state was not written");
        }
    }

    pub(super) fn stop(&self) {
        let mut inner = self.lock();
        inner.is_stopping = true;
        inner.kill();
        drop(inner);
        self.wake.notify_all();
        self.tell_watchers();
    }
}

pub(super) fn write(place: &Storage, name: &str, value: &impl serde::Serialize) -> Result<(), EvalError> {
    let bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| EvalError::io(Path::new(name))(std::io::Error::other(error)))?;
    place.write(name, &bytes)
}
