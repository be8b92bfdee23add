//! What searches, writers and the graph builder of one collection share, and the locks around it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use crate::SearchError;
use crate::graph::Graph;
use crate::index::Index;
use crate::store::{Applied, Change, Snapshot};

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

    /// Shows searches what has been committed.
    pub(crate) fn show(
        &mut self,
        changes: &[Change],
        results: &[Result<Applied, SearchError>],
        snapshot: Snapshot,
    ) {
        for (change, result) in changes.iter().zip(results) {
            match (change, result) {
                (Change::Delete(ids), Ok(_)) => ids.iter().for_each(|id| self.index.remove(id)),
                (Change::Upsert(records), Ok(applied)) => {
                    for (record, sequence) in records.iter().zip(applied.first_sequence..) {
                        self.index.upsert(&record.id, sequence, &record.direction);
                    }
                }
                (_, Err(_)) => {}
            }
        }
        self.snapshot = Ok(Arc::new(snapshot));
    }

    /// From now on every use answers `error`; the memory is freed.
    pub(crate) fn refuse(&mut self, error: SearchError) {
        self.index = Index::new(1, usize::MAX);
        self.snapshot = Err(error);
    }
}

/// One collection's memory.
pub(crate) struct Shared {
    state: RwLock<State>,
    stop: AtomicBool,
    /// Whether the builder has this collection in hand or in line.
    building: Mutex<bool>,
    built: Condvar,
}

impl Shared {
    pub(crate) fn new(index: Index, snapshot: Snapshot) -> Self {
        let state = RwLock::new(State { index, snapshot: Ok(Arc::new(snapshot)) });
        Self { state, stop: AtomicBool::new(false), building: Mutex::new(false), built: Condvar::new() }
    }

    /// Nothing under these locks panics half way, so a poisoned one is still good.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends this collection's life: the builder drops it and every use answers `error`.
    pub(crate) fn close(&self, error: SearchError) {
        self.stop.store(true, Ordering::Relaxed);
        self.write().refuse(error);
    }

    /// Whether a graph is wanted and nobody is on it yet; if so, the caller must see to it.
    pub(crate) fn claim_build(&self) -> bool {
        let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = !*building && self.read().index.needs_graph();
        *building |= claimed;
        claimed
    }

    /// Builds graphs until none is wanted.
    pub(crate) fn build_graphs(&self) {
        loop {
            let (sequences, through) = self.read().index.sequences();
            let direction = |sequence| self.read().index.direction(sequence).map(<[f32]>::to_vec);
            let graph = Graph::build(&sequences, through, direction, &self.stop);
            if !self.stop.load(Ordering::Relaxed) {
                match graph {
                    Ok(Some(graph)) => {
                        let replaced = self.write().index.adopt(Arc::new(graph));
                        drop(replaced);
                    }
                    Ok(None) => {}
                    Err(reason) => self.write().index.give_up(reason),
                }
            }
            let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
            if self.stop.load(Ordering::Relaxed) || !self.read().index.needs_graph() {
                *building = false;
                self.built.notify_all();
                return;
            }
        }
    }

    pub(crate) fn is_building(&self) -> bool {
        *self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no graph is being built or waited for; `false` if that took longer than `timeout`.
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
