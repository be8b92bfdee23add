//! One background thread that seals the fresh records of all collections, one after the other.
//!
//! One, so that building never takes more than one core from searching.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use crate::SearchError;
use crate::shared::Shared;

/// The thread; dropping it waits for the segment in hand to be given up.
#[derive(Debug)]
pub(crate) struct Builder {
    line: Option<Sender<Weak<Shared>>>,
    thread: Option<JoinHandle<()>>,
}

impl Builder {
    pub(crate) fn start() -> Result<Self, SearchError> {
        let (line, requests) = channel();
        let thread = std::thread::Builder::new().name("graph-builder".into()).spawn(move || work(&requests));
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

fn work(requests: &Receiver<Weak<Shared>>) {
    for shared in requests {
        if let Some(shared) = shared.upgrade() {
            shared.build();
        }
    }
}
