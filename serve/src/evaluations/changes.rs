//! What requests change: an evaluation is added, cancelled, resumed, deleted. Knows no process but to end it.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use simclr_eval::EvalError;

use super::order::Order;
use super::record::{Kept, Record, now};
use super::request::{Request, Status};
use super::state::{Inner, ORDER, RECORD, Shared, write};
use super::{BASELINES, EvaluationError, KEPT_MAX};

/// How long a delete waits for a process that was ended.
const PATIENCE: Duration = Duration::from_secs(20);

impl Shared {
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
            cache: self.cache(),
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
}
