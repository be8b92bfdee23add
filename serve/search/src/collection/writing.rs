//! The writing half of a collection: from checked records to a commit, and what becomes of one that fails.

use super::Collection;
use crate::record::{check_id, normalised, payload_json};
use crate::store::format::Encoded;
use crate::store::{Applied, Change, Prepared};
use crate::{Record, SearchError};

impl Collection {
    pub(super) fn prepare(&self, record: Record) -> Result<Prepared, SearchError> {
        let Record { id, vector, payload } = &record;
        check_id(id, &self.limits)?;
        let direction = normalised(vector, self.config.dimension, || format!("record \"{id}\""))?;
        let encoded = Encoded::new(vector, &payload_json(id, payload, &self.limits)?);
        Ok(Prepared { id: record.id, encoded, direction, payload: record.payload })
    }

    pub(super) fn submit(&self, change: Change) -> Result<Applied, SearchError> {
        let applied = self.queue.submit(change, |changes| self.write(changes))?;
        self.builder.consider(&self.shared);
        Ok(applied)
    }

    /// Commits a group of changes, then shows them to searches. Runs in one thread at a time.
    fn write(&self, mut changes: Vec<Change>) -> Vec<Result<Applied, SearchError>> {
        let everyone = |error: SearchError, count| vec![Err(error); count];
        let possible = self.shared.read().snapshot().and_then(|_| self.store.check_room(&changes));
        if let Err(error) = possible {
            return everyone(error, changes.len());
        }
        // Rows are numbered in 32 bits.
        let records_max = self.limits.records_per_collection_max.min(u32::MAX as usize);
        let next = self.store.next_sequence();
        let committed = next.map(|next| (next, self.store.commit(&mut changes, records_max)));
        let results = match committed {
            Ok((_, Ok(results))) => results,
            Ok((next, Err(error))) => return everyone(self.recover(next, error), changes.len()),
            Err(error) => return everyone(error, changes.len()),
        };
        match self.store.snapshot() {
            Ok(snapshot) => {
                self.shared.write().show(&changes, &results, snapshot);
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
        match (self.store.next_sequence(), self.store.snapshot()) {
            (Ok(found), Ok(snapshot)) if found == next => self.shared.write().renew(snapshot),
            // The disk failed at the last moment and kept the write all the same: memory and truth have parted.
            (Ok(_), Ok(_)) => self.shared.write().refuse(error.clone()),
            // Not even reading works: the next write tries again.
            (Err(then), _) | (_, Err(then)) => {
                return SearchError::storage(format!("{error}; opening the file again"), then);
            }
        }
        error
    }
}
