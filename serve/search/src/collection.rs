//! One collection: durable records, searched by direction. Start reading here.
//!
//! A write is checked, queued, committed together with whoever else is waiting, synced, and only then shown to
//! searches and acknowledged. A search sees one moment: index and snapshot change under one lock, and a search takes both as
//! they are and goes on without it, so that a long one holds up nobody.

mod distinct;
mod pictured;
mod telling;
mod writing;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::asking::{check_limit, check_query, check_request};
use crate::builder::Builder;
use crate::commit::CommitQueue;
use crate::index::Wanted;
use crate::pictures::PictureFolder;
use crate::segment::SegmentFolder;
use crate::shared::Shared;
use crate::store::{Change, Snapshot, Store};
use crate::syncing::{Syncer, sync};
use crate::{
    CollectionConfig, ContentHash, Limits, Neighbour, Query, Record, SearchError, Upserted, loading,
};

/// A named set of records with vectors of one dimension and one space.
pub struct Collection {
    name: String,
    config: CollectionConfig,
    limits: Arc<Limits>,
    store: Arc<Store>,
    pictures: PictureFolder,
    queue: CommitQueue,
    shared: Arc<Shared>,
    workers: Arc<Workers>,
    /// A write that failed, and the next sequence before it, until the file could be opened and looked at.
    failed: Mutex<Option<(u64, SearchError)>>,
}

/// The threads that work for all collections.
pub(crate) struct Workers {
    pub(crate) builder: Builder,
    pub(crate) syncer: Syncer,
}

impl Collection {
    /// Opens the segments of an open store, and reads into memory what they do not hold.
    pub(crate) fn load(
        name: &str,
        store: Store,
        config: CollectionConfig,
        (segments, pictures): (SegmentFolder, PictureFolder),
        limits: Arc<Limits>,
        workers: &Arc<Workers>,
    ) -> Result<Self, SearchError> {
        let snapshot = store.snapshot()?;
        // What cannot be tidied up takes room and harms nobody.
        let _ = pictures.sweep(|content| !matches!(snapshot.by_content(content), Ok(None)));
        let (index, damage) = loading::load(name, &snapshot, config.dimension, &segments, &limits)?;
        let reserve = limits.disk_reserve_bytes;
        let shared = Shared::new(name, index, snapshot, config.dimension, segments, reserve, damage);
        let shared = Arc::new(shared);
        workers.builder.consider(&shared);
        Ok(Self {
            name: name.to_owned(),
            config,
            limits,
            store: Arc::new(store),
            pictures,
            queue: CommitQueue::default(),
            shared,
            workers: Arc::clone(workers),
            failed: Mutex::new(None),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was created for.
    pub fn config(&self) -> &CollectionConfig {
        &self.config
    }

    /// Refuses vectors of another encoder than the one this collection was made for.
    pub fn require_space(&self, space_key: &str) -> Result<(), SearchError> {
        if space_key == self.config.space_key {
            return Ok(());
        }
        let (expected, found) = (self.config.space_key.clone(), space_key.to_owned());
        Err(SearchError::OtherSpace { collection: self.name.clone(), expected, found })
    }

    /// Adds records or replaces those with the same id, all or none; durable and searchable when it returns, unless
    /// [`Limits::unsynced_max`] lets the sync wait.
    ///
    /// Of several records with one id in the same call the last one stays.
    pub fn upsert(&self, records: Vec<Record>) -> Result<Upserted, SearchError> {
        self.upsert_pictured(records, &[])
    }

    /// Deletes records and says how many there were; durable when it returns. Unknown ids are no error.
    pub fn delete(&self, ids: &[String]) -> Result<usize, SearchError> {
        check_request(ids.len(), &self.limits)?;
        Ok(self.submit(Change::Delete(ids.to_vec()))?.deleted)
    }

    /// One record as it was given.
    pub fn get(&self, id: &str) -> Result<Option<Record>, SearchError> {
        self.again(|| self.shared.read().snapshot()?.get(id))
    }

    /// The first id, in their order, of a record whose picture has this content.
    pub fn by_content(&self, content: ContentHash) -> Result<Option<String>, SearchError> {
        self.again(|| self.shared.read().snapshot()?.by_content(content))
    }

    /// The next `limit` records after the id `after`, in the order of their ids.
    pub fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Record>, SearchError> {
        check_limit(limit, self.limits.page_limit_max)?;
        self.again(|| self.shared.read().snapshot()?.page(after, limit))
    }

    /// How many records there are.
    pub fn count(&self) -> usize {
        self.shared.read().index.len()
    }

    /// The records nearest to a direction, best first.
    pub fn search(&self, query: &Query) -> Result<Vec<Neighbour>, SearchError> {
        let answers = self.answers(std::slice::from_ref(query))?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Several searches at one moment, unless duplicates are grouped; exact ones share the reading of the vectors, which makes
    /// each several times faster.
    pub fn search_many(&self, queries: &[Query]) -> Result<Vec<Vec<Neighbour>>, SearchError> {
        check_request(queries.len(), &self.limits)?;
        self.answers(queries)
    }

    /// Looks for all queries at one moment, which no lock has to last for.
    fn answers(&self, queries: &[Query]) -> Result<Vec<Vec<Neighbour>>, SearchError> {
        let wanted = queries.iter().map(|query| self.wanted(query)).collect::<Result<Vec<_>, _>>()?;
        if queries.iter().any(|query| query.distinct) {
            return match queries {
                [alone] => Ok(vec![self.distinct(alone, &wanted[0])?]),
                several => several.iter().map(|query| self.search(query)).collect(),
            };
        }
        self.again(|| {
            let (view, filters, snapshot) = {
                let state = self.shared.read();
                let filters = wanted.iter().map(|wanted| Some(state.index.compile(wanted.filter?)));
                (state.index.view(), filters.collect::<Vec<_>>(), state.snapshot()?)
            };
            let found = view.nearest_many(&wanted, &filters).into_iter().zip(queries);
            found.map(|(found, query)| self.neighbours(found, query, &snapshot)).collect()
        })
    }

    /// Reads; and once more on the file opened again, if a write that failed has closed it under the reader.
    fn again<T>(&self, read: impl Fn() -> Result<T, SearchError>) -> Result<T, SearchError> {
        match read() {
            Err(SearchError::Storage { .. }) => {
                self.queue.pause(|| self.reopen())?;
                read()
            }
            other => other,
        }
    }

    /// Checks a query and scales its vector.
    fn wanted<'a>(&self, query: &'a Query) -> Result<Wanted<'a>, SearchError> {
        let direction = check_query(query, self.config.dimension, &self.limits)?;
        let Query { limit, offset, exact, min_score, ef, ref filter, .. } = *query;
        Ok(Wanted { direction, limit: offset + limit, min_score, exact, ef, filter: filter.as_ref() })
    }

    /// Adds payloads to what was found, without the best `offset`.
    fn neighbours(
        &self,
        found: Vec<(f32, &str)>,
        query: &Query,
        snapshot: &Snapshot,
    ) -> Result<Vec<Neighbour>, SearchError> {
        let neighbour = |(score, id): (f32, &str)| {
            let id = id.to_owned();
            if !query.with_payload {
                let payload = serde_json::Value::Null;
                return Ok(Neighbour { id, score, payload, content: None, duplicates: vec![] });
            }
            let (payload, content) = snapshot.about(&id)?.ok_or_else(|| self.missing(&id))?;
            Ok(Neighbour { id, score, payload, content, duplicates: vec![] })
        };
        found.into_iter().skip(query.offset).map(neighbour).collect()
    }

    fn missing(&self, id: &str) -> SearchError {
        let reason = format!("record \"{id}\" is in memory but not in the file");
        SearchError::Damaged { collection: self.name.clone(), reason }
    }

    /// Waits until nothing is being sealed; `false` if that took longer than `timeout`.
    pub fn wait_until_built(&self, timeout: Duration) -> bool {
        self.shared.wait_until_built(timeout)
    }

    /// Syncs what was acknowledged before it was synced; nothing is left to do where that may not wait.
    ///
    /// # Errors
    /// When the disk refuses: then memory holds what the file does not, and every later use answers with that.
    pub(crate) fn sync(&self) -> Result<(), SearchError> {
        sync(&self.store, &self.shared)
    }

    /// Ends its life, closes its file, and gives up its place to another.
    pub(crate) fn give_way(&self) -> Result<(), SearchError> {
        self.sync()?;
        self.close();
        self.queue.pause(|| self.store.close());
        Ok(())
    }

    /// Keeps segments from being put in use until the answer is dropped.
    pub(crate) fn pause_sealing(&self) -> std::sync::MutexGuard<'_, ()> {
        self.shared.pause_publishing()
    }

    /// Ends its life: later uses by whoever still holds it answer that it is not there, and nothing is written.
    pub(crate) fn close(&self) {
        let gone = SearchError::CollectionNotFound { name: self.name.clone() };
        self.queue.pause(|| self.shared.close(gone));
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collection")
            .field("name", &self.name)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
