//! One background thread that seals the fresh records of all collections, one after the other.
//!
//! One, so that building never takes more than one core from searching. What could not be sealed is tried again after a while,
//! whether or not anybody writes.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::SearchError;
use crate::shared::Shared;

/// The thread; dropping it waits for the segment in hand to be given up.
#[derive(Debug)]
pub(crate) struct Builder {
    line: Option<Sender<Weak<Shared>>>,
    thread: Option<JoinHandle<()>>,
}

impl Builder {
    /// Starts the thread; what fails is tried again `after` so long, and twice as long each time.
    pub(crate) fn start(after: Duration) -> Result<Self, SearchError> {
        let (line, requests) = channel();
        let thread = std::thread::Builder::new().name("graph-builder".into());
        let thread = thread.spawn(move || work(&requests, after));
        let thread = thread.map_err(|e| SearchError::storage("starting the graph builder", e))?;
        Ok(Self { line: Some(line), thread: Some(thread) })
    }

    /// Has fresh records sealed if there are enough; a collection stands in line at most once.
    pub(crate) fn consider(&self, shared: &Arc<Shared>) {
        if let Some(line) = &self.line
            && shared.claim_build()
        {
            // Sending fails only when the thread is gone, and then searches stay exact.
            let _ = line.send(Arc::downgrade(shared));
        }
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.line = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How many times as long as at first it takes until something is tried again, at most.
const LONGER_MAX: u32 = 64;

/// A collection that could not be sealed.
struct Failed {
    shared: Weak<Shared>,
    due: Instant,
    waited: Duration,
}

fn work(requests: &Receiver<Weak<Shared>>, after: Duration) {
    let mut failed: Vec<Failed> = Vec::new();
    loop {
        let due = failed.iter().map(|failed| failed.due).min();
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        let next = match left {
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(left) => requests.recv_timeout(left),
        };
        match next {
            Ok(shared) => build(&shared, after, &mut failed),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let now = Instant::now();
                let again: Vec<Failed> = failed.extract_if(.., |failed| failed.due <= now).collect();
                for Failed { shared, waited, .. } in again {
                    if shared.upgrade().is_some_and(|shared| shared.claim_again()) {
                        build(&shared, (2 * waited).min(LONGER_MAX * after), &mut failed);
                    }
                }
            }
        }
    }
}

/// Seals what is to be sealed; if that fails, it is noted to be tried again after `wait`.
fn build(shared: &Weak<Shared>, wait: Duration, failed: &mut Vec<Failed>) {
    let Some(open) = shared.upgrade() else { return };
    open.build();
    if open.has_given_up() && !failed.iter().any(|failed| failed.shared.ptr_eq(shared)) {
        failed.push(Failed { shared: Weak::clone(shared), due: Instant::now() + wait, waited: wait });
    }
}
