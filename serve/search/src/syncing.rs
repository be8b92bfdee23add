//! One background thread that syncs what was acknowledged before it was synced, where that is allowed.
//!
//! A store comes in when it has something unsynced; once that may wait no longer, the store is synced.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::SearchError;
use crate::shared::Shared;
use crate::store::Store;

/// The thread; dropping it ends it, and closing a store syncs it.
#[derive(Debug)]
pub(crate) struct Syncer {
    line: Option<Sender<Unsynced>>,
    thread: Option<JoinHandle<()>>,
}

/// A store with something unsynced, and what is to know if that cannot be synced.
type Unsynced = (Weak<Store>, Weak<Shared>);

impl Syncer {
    /// Starts the thread, unless nothing may wait.
    pub(crate) fn start(unsynced_max: Duration) -> Result<Self, SearchError> {
        if unsynced_max.is_zero() {
            return Ok(Self { line: None, thread: None });
        }
        let (line, stores) = channel();
        let thread = std::thread::Builder::new().name("syncer".into());
        let thread = thread.spawn(move || work(&stores, unsynced_max));
        let thread = thread.map_err(|e| SearchError::storage("starting the thread that syncs", e))?;
        Ok(Self { line: Some(line), thread: Some(thread) })
    }

    /// Has what a store holds unsynced synced in time; a store stands in line at most once.
    pub(crate) fn note(&self, store: &Arc<Store>, shared: &Arc<Shared>) {
        if let Some(line) = &self.line
            && store.claim_sync()
            && line.send((Arc::downgrade(store), Arc::downgrade(shared))).is_err()
        {
            // Whoever uses the collection next hears of what is wrong.
            let _ = sync(store, shared);
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.line = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(stores: &Receiver<Unsynced>, unsynced_max: Duration) {
    // In the order in which they are due.
    let mut waiting = VecDeque::<(Instant, Unsynced)>::new();
    loop {
        let next = match waiting.front() {
            None => stores.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some((due, _)) => stores.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match next {
            Ok(unsynced) => waiting.push_back((Instant::now() + unsynced_max, unsynced)),
            Err(RecvTimeoutError::Timeout) => {
                let due = waiting.pop_front();
                if let Some((store, shared)) =
                    due.and_then(|(_, (store, shared))| store.upgrade().zip(shared.upgrade()))
                {
                    let _ = sync(&store, &shared);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Syncs what a store holds unsynced.
///
/// # Errors
/// When the disk refuses: then memory holds what the file does not, and the collection is over until it is opened again.
pub(crate) fn sync(store: &Store, shared: &Shared) -> Result<(), SearchError> {
    let synced = if store.is_unsynced() { store.sync() } else { Ok(()) };
    if let Err(error) = &synced {
        tracing::error!(collection = store.name(), %error, "acknowledged records could not be synced");
        shared.close(error.clone());
    }
    synced
}
