//! The truth: one transactional redb file per collection, synced before anything is acknowledged.
//!
//! Encoded changes in, consistent snapshots out. It has never heard of searching. Every call into redb goes through
//! `guarded`, because a damaged file may make it panic where an error was due.

mod change;
mod contents;
pub(crate) mod format;
mod guard;
mod room;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, WriteTransaction};

pub(crate) use self::change::{Applied, Change, Prepared};
use self::contents::CONTENTS;
use self::format::{FORMAT, KEY_CONFIG, KEY_FORMAT, KEY_NEXT_SEQUENCE, META, RECORDS, Shape};
use self::guard::guarded;
pub(crate) use self::guard::panic_message;
pub(crate) use self::room::lacking;
pub(crate) use self::snapshot::Snapshot;
use crate::{CollectionConfig, Limits, SearchError};

/// One collection's file, open for reading and writing.
pub(crate) struct Store {
    name: String,
    shape: Shape,
    path: PathBuf,
    cache_bytes: usize,
    reserve_bytes: u64,
    /// Whether commits are acknowledged before they are synced.
    relaxed: bool,
    /// Whether anything is to be synced that nobody is to sync yet.
    unsynced: AtomicBool,
    database: Mutex<Option<Database>>,
}

impl Store {
    /// Makes a new file holding the configuration and no records.
    pub(crate) fn create(
        name: &str,
        path: &Path,
        config: &CollectionConfig,
        limits: &Limits,
    ) -> Result<Self, SearchError> {
        let json =
            serde_json::to_vec(config).map_err(|e| SearchError::storage("writing a configuration", e))?;
        let database = guarded(name, || {
            let database = builder(limits.cache_bytes_per_collection).create(path)?;
            let mut transaction = database.begin_write()?;
            transaction.set_two_phase_commit(true);
            {
                let mut meta = transaction.open_table(META)?;
                meta.insert(KEY_FORMAT, FORMAT.to_le_bytes().as_slice())?;
                meta.insert(KEY_CONFIG, json.as_slice())?;
                meta.insert(KEY_NEXT_SEQUENCE, 1u64.to_le_bytes().as_slice())?;
                transaction.open_table(RECORDS)?;
                transaction.open_table(CONTENTS)?;
            }
            transaction.commit()?;
            Ok(database)
        })?;
        Ok(Self::new(name, path, config, limits, database))
    }

    /// Opens a file after verifying the checksum of every page in it.
    pub(crate) fn open(
        name: &str,
        path: &Path,
        limits: &Limits,
    ) -> Result<(Self, CollectionConfig), SearchError> {
        let (database, format, config) = guarded(name, || {
            let database =
                builder(limits.cache_bytes_per_collection).set_check_integrity_on_open(true).open(path)?;
            let transaction = database.begin_read()?;
            let meta = transaction.open_table(META)?;
            let format = number(meta.get(KEY_FORMAT)?.as_ref().map(redb::AccessGuard::value));
            let config = meta.get(KEY_CONFIG)?.map(|json| json.value().to_vec());
            drop((meta, transaction));
            Ok((database, format, config))
        })?;
        let damaged =
            |reason: &str| SearchError::Damaged { collection: name.to_owned(), reason: reason.to_owned() };
        let found = format.ok_or_else(|| damaged("its format number is missing"))?;
        if !(1..=FORMAT).contains(&found) {
            return Err(SearchError::UnknownFormat { collection: name.to_owned(), found, supported: FORMAT });
        }
        let json = config.ok_or_else(|| damaged("its configuration is missing"))?;
        let config: CollectionConfig = serde_json::from_slice(&json)
            .map_err(|e| damaged(&format!("its configuration cannot be read: {e}")))?;
        if config.dimension == 0 {
            return Err(damaged("its dimension is 0"));
        }
        Ok((Self::new(name, path, &config, limits, database), config))
    }

    fn new(name: &str, path: &Path, config: &CollectionConfig, limits: &Limits, database: Database) -> Self {
        let (name, path, shape) = (name.to_owned(), path.to_owned(), Shape::from(config));
        let cache_bytes = limits.cache_bytes_per_collection;
        let reserve_bytes = limits.disk_reserve_bytes;
        let (relaxed, unsynced) = (!limits.unsynced_max.is_zero(), AtomicBool::new(false));
        let database = Mutex::new(Some(database));
        Self { name, shape, path, cache_bytes, reserve_bytes, relaxed, unsynced, database }
    }

    /// The same store, whose file was put elsewhere while it is open.
    pub(crate) fn moved_to(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    /// Runs `work` on the database, opening it first if a failed write has closed it.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, SearchError> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match database.take() {
            Some(open) => open,
            None => guarded(&self.name, || Ok(builder(self.cache_bytes).open(&self.path)?))?,
        };
        guarded(&self.name, || work(database.insert(open)))
    }

    /// Closes the file after a failed write, because redb reads no more once a write has failed; the next use opens it.
    pub(crate) fn close(&self) {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What cannot be closed in order is repaired when it is opened.
        let _ = guarded(&self.name, || Ok(database.map(Database::close).transpose()?));
    }

    /// The sequence the next record will have, which tells whether a write that failed is in the file nevertheless.
    pub(crate) fn next_sequence(&self) -> Result<u64, SearchError> {
        self.with(|database| next_sequence(&database.begin_read()?.open_table(META)?))
    }

    /// A view of everything committed so far, which no later commit changes.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, SearchError> {
        self.with(|database| Snapshot::new(&self.name, self.shape, database.begin_read()?))
    }

    /// Syncs what was committed so far.
    pub(crate) fn sync(&self) -> Result<(), SearchError> {
        self.with(|database| {
            let mut transaction = database.begin_write()?;
            durable(&mut transaction)?;
            transaction.commit()?;
            // Nobody commits in here: what is committed afterwards stands in line again.
            self.unsynced.store(false, Ordering::Release);
            Ok(())
        })
    }

    /// Whether there is something to be synced that nobody is to sync yet; if so, the caller must see to it.
    pub(crate) fn claim_sync(&self) -> bool {
        self.relaxed && !self.unsynced.swap(true, Ordering::AcqRel)
    }

    /// Whether something is unsynced.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.unsynced.load(Ordering::Acquire)
    }

    /// The collection's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Writes a group of changes in order with one sync; when it returns, what it reports as done is on disk, or will be once it
    /// is synced where that may wait.
    ///
    /// A change that would overfill the collection fails alone; an error of the disk fails the whole group.
    pub(crate) fn commit(
        &self,
        changes: &mut [Change],
        records_max: usize,
    ) -> Result<Vec<Result<Applied, SearchError>>, SearchError> {
        self.with(|database| {
            let mut transaction = database.begin_write()?;
            if self.relaxed {
                transaction.set_durability(Durability::None)?;
            } else {
                durable(&mut transaction)?;
            }
            let mut results = Vec::with_capacity(changes.len());
            {
                let mut meta = transaction.open_table(META)?;
                let mut records = transaction.open_table(RECORDS)?;
                let mut contents = transaction.open_table(CONTENTS)?;
                let mut next = next_sequence(&meta)?;
                for change in changes {
                    results.push(self.apply(change, &mut records, &mut contents, &mut next, records_max)?);
                }
                // One more, so that a commit of deletes alone shows too.
                meta.insert(KEY_NEXT_SEQUENCE, (next + 1).to_le_bytes().as_slice())?;
                meta.insert(KEY_FORMAT, FORMAT.to_le_bytes().as_slice())?;
            }
            transaction.commit()?;
            Ok(results)
        })
    }
}

/// Has a transaction synced before the file points at it, and then once more. Otherwise a commit that cannot be read after a
/// crash is taken for one that never was, and what it acknowledged is gone without a word.
fn durable(transaction: &mut WriteTransaction) -> Result<(), redb::Error> {
    transaction.set_two_phase_commit(true);
    Ok(transaction.set_durability(Durability::Immediate)?)
}

fn builder(cache_bytes: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
    builder
}

fn next_sequence(meta: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<u64, redb::Error> {
    let stored = number(meta.get(KEY_NEXT_SEQUENCE)?.as_ref().map(redb::AccessGuard::value));
    stored.ok_or_else(|| redb::Error::Corrupted("next_sequence is missing".into()))
}

fn number(bytes: Option<&[u8]>) -> Option<u64> {
    Some(u64::from_le_bytes(bytes?.try_into().ok()?))
}
