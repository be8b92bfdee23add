//! What searches, writers and the background builder of one collection share, and the locks around it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use crate::SearchError;
use crate::background::behind_others;
use crate::distance::Kernel;
use crate::index::{Index, Row, Seal};
use crate::segment::{Segment, SegmentFolder, bytes_of, seal as seal_file};
use crate::store::{Applied, Change, Snapshot, lacking, panic_message};

/// The index and the snapshot of the truth it was made from: always changed together.
pub(crate) struct State {
    pub(crate) index: Index,
    snapshot: Result<Arc<Snapshot>, SearchError>,
}

impl State {
    /// The truth as the index knows it, or why the collection can no longer be used.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>, SearchError> {
        self.snapshot.clone()
    }

    /// Shows searches what has been committed, and takes from it what they keep.
    pub(crate) fn show(
        &mut self,
        changes: &mut [Change],
        results: &[Result<Applied, SearchError>],
        snapshot: Snapshot,
    ) {
        for (change, result) in changes.iter_mut().zip(results) {
            match (change, result) {
                (Change::Delete(ids), Ok(_)) => ids.iter().for_each(|id| self.index.remove(id)),
                (Change::Upsert(records), Ok(applied)) => {
                    for (record, sequence) in records.iter_mut().zip(applied.first_sequence..) {
                        let leaves = std::mem::take(&mut record.leaves);
                        self.index.upsert(&record.id, sequence, record.direction.row(), leaves);
                    }
                }
                (_, Err(_)) => {}
            }
        }
        self.snapshot = Ok(Arc::new(snapshot));
    }

    /// Reads from now on through another opening of the same records.
    pub(crate) fn renew(&mut self, snapshot: Snapshot) {
        self.snapshot = Ok(Arc::new(snapshot));
    }

    /// From now on every use answers `error`; the memory is freed.
    pub(crate) fn refuse(&mut self, error: SearchError) {
        self.index = Index::new(1, usize::MAX);
        self.snapshot = Err(error);
    }
}

/// One collection's memory, and the folder of its segments.
pub(crate) struct Shared {
    /// The collection's, for the log.
    name: String,
    state: RwLock<State>,
    dimension: usize,
    folder: SegmentFolder,
    /// Bytes of the disk that segments leave free.
    reserve_bytes: u64,
    /// What was wrong with segments when the collection was opened.
    damage: Vec<String>,
    /// Held while a segment is put in use.
    publishing: Mutex<()>,
    stop: AtomicBool,
    /// Whether the builder has this collection in hand or in line.
    building: Mutex<bool>,
    built: Condvar,
}

/// A segment and its rows; nothing where everything to be sealed was gone.
type Made = Option<(Arc<Segment>, Vec<Row>)>;

impl Shared {
    pub(crate) fn new(
        name: &str,
        index: Index,
        snapshot: Snapshot,
        dimension: usize,
        folder: SegmentFolder,
        reserve_bytes: u64,
        damage: Vec<String>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            state: RwLock::new(State { index, snapshot: Ok(Arc::new(snapshot)) }),
            dimension,
            folder,
            reserve_bytes,
            damage,
            publishing: Mutex::new(()),
            stop: AtomicBool::new(false),
            building: Mutex::new(false),
            built: Condvar::new(),
        }
    }

    /// Nothing under these locks panics half way, so a poisoned one is still good.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn damage(&self) -> &[String] {
        &self.damage
    }

    /// Keeps segments from being put in use for as long as the answer lives.
    pub(crate) fn pause_publishing(&self) -> MutexGuard<'_, ()> {
        self.publishing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends this collection's life: the builder drops it and every use answers `error`.
    pub(crate) fn close(&self, error: SearchError) {
        self.stop.store(true, Ordering::Relaxed);
        self.write().refuse(error);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether there is something to seal and nobody is on it yet; if so, the caller must see to it.
    pub(crate) fn claim_build(&self) -> bool {
        let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = !*building && self.read().index.wants_seal();
        *building |= claimed;
        claimed
    }

    /// Seals until nothing is left to seal.
    pub(crate) fn build(&self) {
        loop {
            let seal = if self.stopped() { None } else { self.write().index.begin_seal() };
            let Some(seal) = seal else {
                let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
                if self.stopped() || !self.read().index.wants_seal() {
                    *building = false;
                    self.built.notify_all();
                    return;
                }
                continue;
            };
            let made = catch_unwind(AssertUnwindSafe(|| self.make(&seal)));
            match made.unwrap_or_else(|panic| Err(format!("sealing failed: {}", panic_message(&*panic)))) {
                Ok(made) => {
                    let replaced = self.write().index.finish_seal(made);
                    drop(replaced);
                    seal.files().iter().for_each(|file| self.folder.remove(file));
                }
                Err(reason) => self.give_up(reason),
            }
        }
    }

    fn give_up(&self, reason: String) {
        if !self.stopped() {
            let collection = &self.name;
            tracing::warn!(
                collection,
                reason,
                "records were not sealed; they are compared one by one until it is tried again"
            );
        }
        self.write().index.give_up(reason);
    }

    /// Whether the last seal failed.
    pub(crate) fn has_given_up(&self) -> bool {
        self.read().index.problem().is_some()
    }

    /// Forgets that the last seal failed; whether it is to be tried again, and by the caller.
    pub(crate) fn claim_again(&self) -> bool {
        self.write().index.try_again();
        self.claim_build()
    }

    /// Writes a segment, reads it back, and puts it in use.
    fn make(&self, seal: &Seal) -> Result<Made, String> {
        let failed = |e: std::io::Error| format!("sealing failed: {e}");
        let (sources, rows) = seal.sources();
        let kernel = Kernel::best();
        let path = if sources.is_empty() { None } else { Some(self.folder.new_file().map_err(failed)?) };
        let wanted = bytes_of(sources.len(), self.dimension);
        if let Some(lacking) = lacking(self.folder.path(), wanted, self.reserve_bytes) {
            return Err(format!("there is no room for a segment: {lacking}"));
        }
        let made = path.as_ref().map(|path| {
            let sealing = || seal_file(&sources, self.dimension, kernel, path, &self.stop);
            let sealed = if seal.is_urgent() { Ok(sealing()) } else { behind_others(sealing) };
            let sealed = sealed.and_then(|sealed| sealed).map_err(failed)?;
            let opened = sealed.then(|| Segment::open(path, self.dimension, kernel)).transpose();
            opened.map_err(|reason| reason.to_string())
        });
        let made = match made.transpose() {
            Ok(made) => made.flatten(),
            Err(reason) => return Err(self.withdraw(path.as_deref(), reason)),
        };
        let _publishing = self.pause_publishing();
        if self.stopped() {
            return Err(self.withdraw(path.as_deref(), "the collection was closed".to_owned()));
        }
        let mut files = self.read().index.files_without(&seal.files());
        files.extend(made.iter().map(|segment| segment.file().to_owned()));
        if let Err(e) = self.folder.publish(&files) {
            return Err(self.withdraw(path.as_deref(), failed(e)));
        }
        Ok(made.map(|segment| (Arc::new(segment), rows)))
    }

    /// Removes a file that is not to be put in use.
    fn withdraw(&self, path: Option<&Path>, reason: String) -> String {
        // What stays is in no manifest, and is removed at the next opening.
        let _ = path.map(std::fs::remove_file);
        reason
    }

    pub(crate) fn is_building(&self) -> bool {
        *self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing is being sealed or waits for it; `false` if that took longer than `timeout`.
    pub(crate) fn wait_until_built(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        while *building {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            building = self.built.wait_timeout(building, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
