//! The writing half of a collection: from checked records to a commit, and what becomes of one that fails.

use std::sync::PoisonError;

use super::Collection;
use crate::distance::Coded;
use crate::filter::Leaves;
use crate::record::{check_id, normalised, payload_json};
use crate::store::format::Encoded;
use crate::store::{Applied, Change, Prepared};
use crate::{Record, SearchError};

impl Collection {
    pub(super) fn prepare(&self, record: Record) -> Result<Prepared, SearchError> {
        let Record { id, vector, payload, content } = record;
        check_id(&id, &self.limits)?;
        let of = || format!("record \"{id}\"");
        // Searched by what will be read again: both sides of a rounding must not differ.
        let (dimension, dtype) = (self.config.dimension, self.config.dtype);
        let vector = dtype.rounded(vector, of)?;
        let direction = normalised(&vector, dimension, of)?;
        let encoded = Encoded::new(content, &vector, dtype, &payload_json(&id, &payload, &self.limits)?);
        let (direction, leaves) = (Coded::new(direction), Leaves::of(&payload));
        Ok(Prepared { id, encoded, direction, leaves })
    }

    pub(super) fn submit(&self, change: Change) -> Result<Applied, SearchError> {
        let applied = self.queue.submit(change, |changes| self.write(changes))?;
        self.workers.builder.consider(&self.shared);
        self.workers.syncer.note(&self.store, &self.shared);
        self.forget_pictures(&applied.gone);
        Ok(applied)
    }

    /// Commits the changes of a group that there is room for; the others are refused each by itself.
    fn write(&self, changes: Vec<Change>) -> Vec<Result<Applied, SearchError>> {
        let room = self.store.room(&changes);
        let fitting =
            changes.into_iter().zip(&room).filter_map(|(change, room)| room.is_ok().then_some(change));
        let fitting: Vec<Change> = fitting.collect();
        let written = if fitting.is_empty() { Vec::new() } else { self.commit(fitting) };
        let mut written = written.into_iter();
        let lost = || Err(SearchError::storage("a commit", "it has no answer; try again"));
        room.into_iter().map(|room| room.and_then(|()| written.next().unwrap_or_else(lost))).collect()
    }

    /// Commits a group of changes, then shows them to searches. Runs in one thread at a time.
    fn commit(&self, mut changes: Vec<Change>) -> Vec<Result<Applied, SearchError>> {
        let everyone = |error: SearchError, count| vec![Err(error); count];
        // Rows are numbered in 32 bits.
        let records_max = self.limits.records_per_collection_max.min(u32::MAX as usize);
        let next = self.reopen().and_then(|()| self.shared.read().snapshot());
        let committed = next.and_then(|_| self.store.next_sequence());
        let committed = committed.map(|next| (next, self.store.commit(&mut changes, records_max)));
        let results = match committed {
            Ok((_, Ok(results))) => results,
            Ok((next, Err(error))) => return everyone(self.recover(next, error), changes.len()),
            Err(error) => return everyone(error, changes.len()),
        };
        match self.store.snapshot() {
            Ok(snapshot) => {
                self.shared.write().show(&mut changes, &results, snapshot);
                results
            }
            Err(error) => {
                // Written but not to be seen: memory and truth would part, so this collection is over until reopened.
                self.shared.write().refuse(error.clone());
                everyone(error, results.len())
            }
        }
    }

    /// After a write that failed: opens the file again, so that reading goes on, and answers with why it failed.
    fn recover(&self, next: u64, error: SearchError) -> SearchError {
        self.store.close();
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((next, error.clone()));
        match self.reopen() {
            Ok(()) => error,
            Err(then) => SearchError::storage(format!("{error}; opening the file again"), then),
        }
    }

    /// Opens the file again if a write has failed and nobody could yet; in one thread at a time, while nobody writes.
    ///
    /// # Errors
    /// When not even reading works: the next read or write tries again.
    pub(super) fn reopen(&self) -> Result<(), SearchError> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((next, error)) = failed.clone() else { return Ok(()) };
        let (found, snapshot) = (self.store.next_sequence()?, self.store.snapshot()?);
        *failed = None;
        if found == next {
            self.shared.write().renew(snapshot);
        } else {
            // The disk failed at the last moment and kept the write all the same: memory and truth have parted.
            self.shared.write().refuse(error);
        }
        Ok(())
    }
}
