//! What is written, and what comes of it: one change at a time, in a transaction of the store's.

use std::collections::HashSet;

use redb::{ReadableTable, ReadableTableMetadata};

use super::format::{Encoded, content_of};
use super::{Store, contents};
use crate::distance::Coded;
use crate::filter::Leaves;
use crate::{ContentHash, SearchError, Upserted};

/// A change that has passed every check, ready to be written.
#[derive(Debug)]
pub(crate) enum Change {
    Upsert(Vec<Prepared>),
    Delete(Vec<String>),
}

/// A checked record: what to store, and what to search by, made before anybody has to wait for it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) id: String,
    pub(crate) encoded: Encoded,
    pub(crate) direction: Coded,
    /// Its payload, to filter by.
    pub(crate) leaves: Leaves,
}

/// What a change did to the truth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Applied {
    pub(crate) upserted: Upserted,
    pub(crate) deleted: usize,
    /// Contents that have a record less.
    pub(crate) gone: Vec<ContentHash>,
    /// The sequence of an upsert's first record; the others follow.
    pub(crate) first_sequence: u64,
}

impl Store {
    /// Makes one change; one that would overfill the collection is refused alone.
    pub(super) fn apply(
        &self,
        change: &mut Change,
        records: &mut redb::Table<'_, &str, &[u8]>,
        contents: &mut contents::Table<'_>,
        next: &mut u64,
        records_max: usize,
    ) -> Result<Result<Applied, SearchError>, redb::Error> {
        let mut applied = Applied { first_sequence: *next, ..Applied::default() };
        match change {
            Change::Delete(ids) => {
                for id in ids {
                    let Some(old) = records.remove(id.as_str())? else { continue };
                    let old = content_of(old.value());
                    contents::stored(contents, id, old, None)?;
                    applied.gone.extend(old);
                    applied.deleted += 1;
                }
            }
            Change::Upsert(prepared) => {
                let mut new = HashSet::new();
                for record in prepared.iter() {
                    if records.get(record.id.as_str())?.is_none() {
                        new.insert(record.id.as_str());
                    }
                }
                if records.len()? as usize + new.len() > records_max {
                    return Ok(Err(SearchError::CollectionFull {
                        collection: self.name.clone(),
                        limit: records_max,
                    }));
                }
                for record in prepared {
                    let bytes = record.encoded.with_sequence(*next);
                    *next += 1;
                    let content = content_of(bytes);
                    let old = records.insert(record.id.as_str(), bytes)?.map(|old| content_of(old.value()));
                    match old {
                        Some(_) => applied.upserted.replaced += 1,
                        None => applied.upserted.inserted += 1,
                    }
                    let old = old.flatten();
                    let duplicate = contents::stored(contents, &record.id, old, content)?;
                    applied.gone.extend(old.filter(|old| Some(*old) != content));
                    applied.upserted.duplicates.extend(duplicate);
                }
            }
        }
        Ok(Ok(applied))
    }
}
