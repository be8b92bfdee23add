//! One collection at work: records are read, their pictures embedded, and the new records stored.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use simclr_models::Limits as PictureLimits;
use simclr_search::{Collection, PictureKind, Pictured, Record, SearchError};
use tokio::runtime::Runtime;

use super::{ReembedError, Reembedded, Reembedding};
use crate::embedder::{Input, OnError};
use crate::indexing::Told;
use crate::keeping;
use crate::models::Served;

/// Records in hand at a time.
pub(super) const PART: usize = 64;
/// Records that an error names.
const NAMED: usize = 10;

/// One collection on its way to another encoder.
pub(super) struct Run<'a> {
    pub(super) old: &'a Collection,
    pub(super) new: &'a Collection,
    pub(super) served: Arc<Served>,
    pub(super) runtime: Runtime,
    pub(super) limits: PictureLimits,
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
        let (mut after, mut seen) = (None::<String>, 0);
        loop {
            let records = self.old.page(after.as_deref(), PART)?;
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
        let (mut wanted, mut encoded) = (Vec::new(), Vec::new());
        for record in records {
            let same = |new: &Record| new.content == record.content && new.payload == record.payload;
            if self.new.get(&record.id)?.is_some_and(|new| same(&new)) {
                self.done.unchanged += 1;
                continue;
            }
            let original = record.content.map(|content| self.old.picture(content, PictureKind::Original));
            match original.transpose() {
                Ok(Some(Some(bytes))) => {
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
        let pictures = keeping::pictured(&encoded, self.new.config().keep, &self.limits);
        self.store(wanted, encoded, &pictures, told)
    }

    fn store(
        &mut self,
        wanted: Vec<Record>,
        encoded: Vec<Bytes>,
        pictures: &[Pictured],
        told: &mut dyn FnMut(Told<'_>),
    ) -> Result<(), ReembedError> {
        let served = Arc::clone(&self.served);
        let inputs = encoded.into_iter().map(Input::Encoded).collect();
        let embedding = async move { served.embedder.embed(inputs, OnError::Skip).await };
        let answer = self.runtime.block_on(self.runtime.spawn(embedding));
        let failed = |reason: String| ReembedError::Embedding(reason);
        let embedded = answer.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
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
        self.new.upsert_pictured(records, pictures)?;
        Ok(())
    }

    fn leave_out(&mut self, id: &str, reason: String, told: &mut dyn FnMut(Told<'_>)) {
        told(Told::Broken(id, &reason));
        self.done.left_out.push((id.to_owned(), reason));
    }

    /// Deletes what a run before has stored and the old collection has no more.
    fn forget_others(&self) -> Result<(), SearchError> {
        let mut after = None::<String>;
        loop {
            let records = self.new.page(after.as_deref(), PART)?;
            let Some(last) = records.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let mut gone = Vec::new();
            for record in records {
                if self.old.get(&record.id)?.is_none() {
                    gone.push(record.id);
                }
            }
            if !gone.is_empty() {
                self.new.delete(&gone)?;
            }
        }
    }
}
