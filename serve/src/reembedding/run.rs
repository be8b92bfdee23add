//! One collection at work: records are read, their pictures embedded, and the new records stored.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use simclr_search::{Collection, PictureKind, Record, SearchError};
use tokio::runtime::Runtime;

use super::{ReembedError, Reembedded, Reembedding};
use crate::embedder::{Input, OnError};
use crate::indexing::Told;
use crate::keeping::Keeper;
use crate::models::Served;

/// Records in hand at a time.
pub(super) const PART: usize = 64;
/// Bytes of originals in hand at a time, about; one may be more alone.
const BYTES: usize = 64 << 20;
/// Records that an error names.
const NAMED: usize = 10;

/// One collection on its way to another encoder.
pub(super) struct Run<'a> {
    pub(super) old: &'a Collection,
    pub(super) new: &'a Collection,
    pub(super) served: Arc<Served>,
    pub(super) runtime: Runtime,
    pub(super) keeper: Keeper,
    /// Records read at a time.
    pub(super) page: usize,
    pub(super) done: Reembedded,
}

impl Run<'_> {
    /// Embeds every record again, or until it is to stop.
    pub(super) fn all(
        &mut self,
        asked: &Reembedding<'_>,
        told: &mut dyn FnMut(Told<'_>),
    ) -> Result<(), ReembedError> {
        self.done.records = self.old.count();
        told(Told::Found(self.done.records));
        if let (Some(to), Some(id)) = (asked.to, self.others()?.pop()) {
            return Err(ReembedError::NotOurs { to: to.to_owned(), from: asked.collection.to_owned(), id });
        }
        let (mut after, mut seen) = (None::<String>, 0);
        loop {
            let records = self.old.page(after.as_deref(), self.page)?;
            let Some(last) = records.last() else { break };
            if asked.stop.load(Ordering::Relaxed) {
                self.done.stopped = true;
                return Ok(());
            }
            (after, seen) = (Some(last.id.clone()), seen + records.len());
            self.part(records, told)?;
            told(Told::Done(seen));
        }
        self.forget_others()?;
        let left_out = &self.done.left_out;
        if left_out.is_empty() || asked.leave_out {
            return Ok(());
        }
        let name = |(id, reason): &(String, String)| format!("\n  {id}: {reason}");
        let named = left_out.iter().take(NAMED).map(name).collect();
        Err(ReembedError::LeftOut { count: left_out.len(), named })
    }

    /// Embeds records again and stores those that can be.
    fn part(&mut self, records: Vec<Record>, told: &mut dyn FnMut(Told<'_>)) -> Result<(), ReembedError> {
        let (mut wanted, mut encoded, mut held) = (Vec::new(), Vec::new(), 0);
        for record in records {
            let same = |new: &Record| new.content == record.content && new.payload == record.payload;
            if self.new.get(&record.id)?.is_some_and(|new| same(&new)) {
                self.done.unchanged += 1;
                continue;
            }
            let original = record.content.map(|content| self.old.picture(content, PictureKind::Original));
            match original.transpose() {
                Ok(Some(Some(bytes))) => {
                    if held > 0 && held + bytes.len() > BYTES {
                        self.store(std::mem::take(&mut wanted), std::mem::take(&mut encoded), told)?;
                        held = 0;
                    }
                    held += bytes.len();
                    encoded.push(Bytes::from(bytes));
                    wanted.push(record);
                }
                Ok(_) => self.leave_out(&record.id, "it was stored without a picture".to_owned(), told),
                Err(error @ SearchError::DamagedPicture { .. }) => {
                    self.leave_out(&record.id, error.to_string(), told);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if encoded.is_empty() {
            return Ok(());
        }
        self.store(wanted, encoded, told)
    }

    fn store(
        &mut self,
        wanted: Vec<Record>,
        encoded: Vec<Bytes>,
        told: &mut dyn FnMut(Told<'_>),
    ) -> Result<(), ReembedError> {
        let (served, keeper, keep) = (Arc::clone(&self.served), self.keeper.clone(), self.new.config().keep);
        let inputs = encoded.iter().cloned().map(Input::Encoded).collect();
        let contents = wanted.iter().filter_map(|record| record.content);
        let pictures = contents.zip(encoded).collect();
        let both = async move {
            tokio::join!(served.embedder.embed(inputs, OnError::Skip), keeper.pictured(pictures, keep))
        };
        let failed = |reason: String| ReembedError::Embedding(reason);
        let (embedded, pictures) = self.runtime.block_on(both);
        let embedded = embedded.map_err(|error| failed(error.to_string()))?;
        let pictures = pictures.map_err(|error| failed(error.to_string()))?;
        for error in &embedded.skipped {
            if let Some(record) = error.culprit().and_then(|index| wanted.get(index)) {
                self.leave_out(&record.id, error.to_string(), told);
            }
        }
        let mut records = Vec::with_capacity(embedded.kept.len());
        for (&index, embedding) in embedded.kept.iter().zip(embedded.embeddings) {
            let record = &wanted[index];
            if embedding.as_slice().iter().all(|number| *number == 0.0) {
                self.leave_out(
                    &record.id,
                    "its embedding is zero, which is near to nothing".to_owned(),
                    told,
                );
                continue;
            }
            records.push(Record { vector: embedding.into_vec(), ..record.clone() });
        }
        self.done.embedded += records.len();
        self.new.upsert_pictured(records, &pictures)?;
        Ok(())
    }

    fn leave_out(&mut self, id: &str, reason: String, told: &mut dyn FnMut(Told<'_>)) {
        told(Told::Broken(id, &reason));
        self.done.left_out.push((id.to_owned(), reason));
    }

    /// Deletes what a run before has stored and the old collection has no more.
    fn forget_others(&self) -> Result<(), SearchError> {
        let others = self.others()?;
        others.chunks(self.page).try_for_each(|ids| self.new.delete(ids).map(drop))
    }

    /// The records of the new collection that the old one has not, or has otherwise.
    fn others(&self) -> Result<Vec<String>, SearchError> {
        let (mut others, mut after) = (Vec::new(), None::<String>);
        loop {
            let records = self.new.page(after.as_deref(), self.page)?;
            let Some(last) = records.last() else { return Ok(others) };
            after = Some(last.id.clone());
            for record in records {
                let old = self.old.get(&record.id)?;
                if !old.is_some_and(|old| old.content == record.content && old.payload == record.payload) {
                    others.push(record.id);
                }
            }
        }
    }
}
