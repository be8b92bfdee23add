//! What a collection tells beside answers to searches: all of its records, how it is searched and whether all is well.

use super::Collection;
use crate::asking::check_query;
use crate::{Query, Recall, Record, SearchError, Statistics, Verified, verify};

impl Collection {
    /// Hands every record of one moment to `visit`, at most `part` at a time in the order of their ids, until it has enough.
    ///
    /// What is written meanwhile does not show, and keeps what it replaces in the file until this ends.
    pub fn each_of_moment(
        &self,
        part: usize,
        visit: &mut dyn FnMut(Vec<Record>) -> bool,
    ) -> Result<(), SearchError> {
        let snapshot = self.again(|| self.shared.read().snapshot())?;
        let mut after = None::<String>;
        loop {
            let records = snapshot.page(after.as_deref(), part.max(1))?;
            let Some(last) = records.last() else { return Ok(()) };
            after = Some(last.id.clone());
            if !visit(records) {
                return Ok(());
            }
        }
    }

    /// Whether a query can be asked here at all.
    pub fn check(&self, query: &Query) -> Result<(), SearchError> {
        check_query(query, self.config.dimension, &self.limits).map(|_| ())
    }

    /// How large it is and how it is searched.
    pub fn statistics(&self) -> Statistics {
        Statistics::of(&self.shared)
    }

    /// Reads everything again, compares it with its checksums, and measures the recall of `sample` records' neighbours.
    ///
    /// # Errors
    /// When the collection is gone; damage is no error but what the answer tells.
    pub fn verify(&self, sample: usize) -> Result<Verified, SearchError> {
        verify::run(self, &self.shared, &self.pictures, sample)
    }

    /// How many of the nearest neighbours of `sample` records, by exact search, are found; `None` where there are none.
    pub fn recall(&self, sample: usize) -> Option<Recall> {
        verify::recall(&self.shared, sample)
    }
}
