//! One index at work: parts are read, embedded and stored in order, some of them at the same time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;
use simclr_search::{ContentHash, Pictured, Record, VectorCollection};
use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinHandle};

use super::known::Known;
use super::part;
use super::walk::Found;
use super::{IndexError, Indexed, Indexing, Told};
use crate::config::Config;
use crate::embedder::{EmbedError, Embedded};
use crate::keeping::Keeper;
use crate::models::Served;

/// Parts that are embedded at the same time: while one is stored and another read, the encoder has a third.
pub(super) const AHEAD: usize = 3;
/// Broken pictures that an error names.
const NAMED: usize = 10;

/// What an index has in hand.
pub(super) struct Run<'a> {
    pub(super) indexing: &'a Indexing<'a>,
    pub(super) found: &'a Found,
    pub(super) served: Arc<Served>,
    pub(super) collection: Arc<dyn VectorCollection>,
    pub(super) runtime: &'a Runtime,
    pub(super) known: Known,
    pub(super) picture_bytes_max: usize,
    pub(super) keeper: Keeper,
    pub(super) records_max: usize,
    pub(super) embedding: VecDeque<Part>,
    done: usize,
    pub(super) outcome: Indexed,
}

/// Pictures that are being embedded.
pub(super) struct Part {
    pub(super) pictures: Vec<(String, ContentHash)>,
    /// Records whose pictures are others' now.
    pub(super) gone: Vec<String>,
    /// Files that are done once this is stored.
    pub(super) files: usize,
    /// What the collection keeps of them.
    pub(super) kept: JoinHandle<Result<Vec<Pictured>, JoinError>>,
    pub(super) answer: JoinHandle<Result<Embedded, EmbedError>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        indexing: &'a Indexing<'a>,
        config: &Config,
        found: &'a Found,
        (served, collection, keeper): (Arc<Served>, Arc<dyn VectorCollection>, Keeper),
        known: Known,
        runtime: &'a Runtime,
    ) -> Self {
        let total = found.files.len() + found.unreadable.len();
        Self {
            indexing,
            found,
            served,
            collection,
            runtime,
            known,
            picture_bytes_max: config.limits.picture_bytes_max,
            keeper,
            records_max: config.limits.request_records_max,
            embedding: VecDeque::new(),
            done: 0,
            outcome: Indexed { found: total, ..Indexed::default() },
        }
    }

    /// Indexes every file, or until it is to stop.
    pub(super) fn all(&mut self, told: &mut dyn FnMut(Told<'_>)) -> Result<(), IndexError> {
        told(Told::Found(self.outcome.found));
        for (id, reason) in &self.found.unreadable {
            self.broken(id, reason.clone(), told);
        }
        self.done = self.found.unreadable.len();
        if self.indexing.prune {
            self.prune()?;
        }
        let mut from = 0;
        let tolerated = loop {
            let tolerated = self.tolerate();
            if from == self.found.files.len() || tolerated.is_err() {
                break tolerated;
            }
            if self.indexing.stop.load(Ordering::Relaxed) {
                self.outcome.stopped = true;
                break Ok(());
            }
            let range = part::next(&self.found.files, from);
            from = range.end;
            let files = range.len();
            let read = part::read(&self.found.files[range], self.picture_bytes_max);
            self.begin(read, files, told);
            while self.embedding.len() >= AHEAD {
                self.store_one(told)?;
            }
        };
        while !self.embedding.is_empty() {
            self.store_one(told)?;
        }
        self.outcome.settle();
        tolerated.and_then(|()| self.tolerate())
    }

    /// Waits for the embeddings of the part that was begun first, and stores them.
    fn store_one(&mut self, told: &mut dyn FnMut(Told<'_>)) -> Result<(), IndexError> {
        let Some(Part { pictures, gone, files, kept, answer }) = self.embedding.pop_front() else {
            return Ok(());
        };
        let failed = |reason: String| IndexError::Embedding(reason);
        let answer = self.runtime.block_on(answer).map_err(|error| failed(error.to_string()))?;
        let embedded = answer.map_err(|error| failed(error.to_string()))?;
        let kept = self.runtime.block_on(kept).flatten().map_err(|error| failed(error.to_string()))?;
        for error in &embedded.skipped {
            if let Some((id, _)) = error.culprit().and_then(|index| pictures.get(index)) {
                self.broken(id, error.to_string(), told);
            }
        }
        let mut records = Vec::with_capacity(embedded.kept.len());
        for (&index, embedding) in embedded.kept.iter().zip(embedded.embeddings) {
            let (id, content) = &pictures[index];
            if embedding.as_slice().iter().all(|number| *number == 0.0) {
                self.broken(id, "its embedding is zero, which is near to nothing".to_owned(), told);
                continue;
            }
            let record = Record::new(id, embedding.into_vec(), json!({"path": id}));
            records.push(Record { content: Some(*content), ..record });
        }
        if !gone.is_empty() {
            self.collection.delete(&gone)?;
        }
        if !records.is_empty() {
            let upserted = self.collection.upsert_pictured(records, &kept)?;
            self.outcome.inserted += upserted.inserted;
            self.outcome.replaced += upserted.replaced;
        }
        self.done += files;
        told(Told::Done(self.done));
        Ok(())
    }

    pub(super) fn broken(&mut self, id: &str, reason: String, told: &mut dyn FnMut(Told<'_>)) {
        told(Told::Broken(id, &reason));
        self.outcome.broken.push((id.to_owned(), reason));
    }

    fn tolerate(&self) -> Result<(), IndexError> {
        let (count, of, most) = (self.outcome.broken.len(), self.outcome.found, self.indexing.broken_max);
        if count as f64 <= most * of as f64 {
            return Ok(());
        }
        let name = |(id, reason): &(String, String)| format!("\n  {id}: {reason}");
        let named = self.outcome.broken.iter().take(NAMED).map(name).collect();
        Err(IndexError::Broken { count, of, most, named })
    }
}
