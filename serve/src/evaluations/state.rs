//! The state that requests and the runner share: every change goes to disk before it counts.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use simclr_eval::{EvalError, Storage};
use tokio::sync::watch;

use super::order::{Order, Told};
use super::record::{Kept, Record, now};
use super::request::{Request, Status};
use super::{BASELINES, EvaluationError, KEPT_MAX};
use crate::config::Config;

const RECORD: &str = "evaluation.json";
const ORDER: &str = "order.json";
/// How long a delete waits for a process that was ended.
const PATIENCE: Duration = Duration::from_secs(20);

/// What requests and the runner share.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) data: Option<PathBuf>,
    pub(super) program: Option<PathBuf>,
    pub(super) changed: watch::Sender<u64>,
    /// Something waits, a process has ended, or the server stops.
    pub(super) wake: Condvar,
    waiting_max: usize,
    pub(super) nice: u8,
    like: Option<PathBuf>,
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
    fn kill(&mut self) {
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

    pub(super) fn order_file(&self, id: &str) -> PathBuf {
        self.folder.join(id).join(ORDER)
    }

    pub(super) fn keep(&self, kept: &Kept) -> Result<(), EvalError> {
        write(&self.place(&kept.record.id), RECORD, kept)
    }

    fn tell_watchers(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn add(
        &self,
        request: Request,
        artefacts: &[(String, PathBuf)],
    ) -> Result<Record, EvaluationError> {
        let mut inner = self.lock();
        if inner.waiting.len() >= self.waiting_max {
            return Err(EvaluationError::Full(self.waiting_max));
        }
        if inner.all.len() >= KEPT_MAX {
            return Err(EvaluationError::TooMany);
        }
        let mut number = now().as_millis();
        while inner.all.contains_key(&format!("{number:x}")) {
            number += 1;
        }
        let id = format!("{number:x}");
        let folder_of = |name: &String| artefacts.iter().find(|(known, _)| known == name).map(|(_, f)| f);
        let named = |name: &String| {
            let is_baseline = BASELINES.contains(&name.as_str());
            folder_of(name).filter(|_| !is_baseline).map_or(name.clone(), |f| f.display().to_string())
        };
        let first = request.encoders.iter().find_map(folder_of).cloned();
        let first = first.or(self.like.clone()).or(artefacts.first().map(|(_, folder)| folder.clone()));
        let order = Order {
            encoders: request.encoders.iter().map(named).collect(),
            like: first,
            data: self.data.clone().unwrap_or_default(),
            out: self.out(&id),
            cache: self.folder.join("cache"),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            request: request.clone(),
        };
        let kept = Kept::new(id.clone(), request);
        write(&self.place(&id), ORDER, &order)?;
        self.keep(&kept)?;
        let record = kept.record.clone();
        inner.all.insert(id.clone(), kept);
        inner.waiting.push_back(id);
        drop(inner);
        self.wake.notify_all();
        self.tell_watchers();
        Ok(record)
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

    pub(super) fn cancel(&self, id: &str) -> Result<Record, EvaluationError> {
        let mut inner = self.lock();
        let status = inner.all.get(id).ok_or(EvaluationError::Unknown)?.record.status;
        if status.has_ended() {
            return Err(EvaluationError::NotNow(status, "cancelled"));
        }
        inner.waiting.retain(|other| other != id);
        if inner.busy.as_deref() == Some(id) {
            inner.kill();
        }
        self.enter(&mut inner, id, Status::Cancelled, None);
        Ok(inner.all[id].record.clone())
    }

    pub(super) fn resume(&self, id: &str) -> Result<Record, EvaluationError> {
        let mut inner = self.lock();
        let status = inner.all.get(id).ok_or(EvaluationError::Unknown)?.record.status;
        if !status.has_ended() || status == Status::Finished {
            return Err(EvaluationError::NotNow(status, "resumed"));
        }
        if inner.waiting.len() >= self.waiting_max {
            return Err(EvaluationError::Full(self.waiting_max));
        }
        self.enter(&mut inner, id, Status::Queued, None);
        inner.waiting.push_back(id.to_owned());
        let record = inner.all[id].record.clone();
        drop(inner);
        self.wake.notify_all();
        Ok(record)
    }

    /// Cancels it first where that is needed, and waits for its process.
    pub(super) fn delete(&self, id: &str) -> Result<(), EvaluationError> {
        if !self.lock().all.get(id).ok_or(EvaluationError::Unknown)?.record.status.has_ended() {
            self.cancel(id)?;
        }
        let is_busy = |inner: &mut Inner| inner.busy.as_deref() == Some(id);
        let waited = self.wake.wait_timeout_while(self.lock(), PATIENCE, is_busy);
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let status = inner.all.get(id).ok_or(EvaluationError::Unknown)?.record.status;
        if !status.has_ended() || is_busy(&mut inner) {
            return Err(EvaluationError::NotNow(status, "deleted while its process is there"));
        }
        let folder = self.folder.join(id);
        // First the record, so that what is left of a delete that was cut short is no evaluation.
        std::fs::remove_file(folder.join(RECORD)).map_err(EvalError::io(&folder))?;
        inner.all.remove(id);
        drop(inner);
        std::fs::remove_dir_all(&folder).map_err(EvalError::io(&folder))?;
        self.tell_watchers();
        Ok(())
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

fn write(place: &Storage, name: &str, value: &impl serde::Serialize) -> Result<(), EvalError> {
    let bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| EvalError::io(Path::new(name))(std::io::Error::other(error)))?;
    place.write(name, &bytes)
}
