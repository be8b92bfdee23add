//! A view of one collection's records at one moment; later commits do not show in it.

use std::ops::Bound;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableError};

use super::contents::{CONTENTS, first_other};
use super::format::{Decoded, META, RECORDS, Shape};
use super::guard::guarded;
use super::next_sequence;
use crate::{ContentHash, Record, SearchError};

/// All records as of one commit. Holding one keeps that commit's pages in the file, so hold it briefly.
pub(crate) struct Snapshot {
    name: String,
    shape: Shape,
    records: ReadOnlyTable<&'static str, &'static [u8]>,
    transaction: ReadTransaction,
}

/// A record's payload and content.
type About = (serde_json::Value, Option<ContentHash>);

impl Snapshot {
    pub(super) fn new(name: &str, shape: Shape, transaction: ReadTransaction) -> Result<Self, redb::Error> {
        Ok(Self { name: name.to_owned(), shape, records: transaction.open_table(RECORDS)?, transaction })
    }

    /// One record.
    pub(crate) fn get(&self, id: &str) -> Result<Option<Record>, SearchError> {
        guarded(&self.name, || self.records.get(id)?.map(|value| self.record(id, value.value())).transpose())
    }

    /// One record's payload and content, without reading its vector.
    pub(crate) fn about(&self, id: &str) -> Result<Option<About>, SearchError> {
        guarded(&self.name, || {
            let about = |bytes: &[u8]| {
                let decoded = self.decoded(id, bytes)?;
                Ok((decoded.payload().map_err(|e| bad(id, e))?, decoded.content))
            };
            self.records.get(id)?.map(|value| about(value.value())).transpose()
        })
    }

    /// The sequence that the next record will have.
    pub(crate) fn next_sequence(&self) -> Result<u64, SearchError> {
        guarded(&self.name, || next_sequence(&self.transaction.open_table(META)?))
    }

    /// The first id, in their order, of a record of this content.
    pub(crate) fn by_content(&self, content: ContentHash) -> Result<Option<String>, SearchError> {
        guarded(&self.name, || match self.transaction.open_table(CONTENTS) {
            Ok(contents) => first_other(&contents, content, None),
            // A file of format 1 that was not written to since.
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        })
    }

    /// The records after `after` in the order of their ids, at most `limit`.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Record>, SearchError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        guarded(&self.name, || {
            let rows = self.records.range::<&str>((from, Bound::Unbounded))?;
            rows.take(limit)
                .map(|row| {
                    let (id, value) = row?;
                    self.record(id.value(), value.value())
                })
                .collect()
        })
    }

    /// Hands every record's id, sequence, vector and payload to `visit`, in the order of their ids.
    pub(crate) fn each(
        &self,
        mut visit: impl FnMut(&str, u64, &[f32], serde_json::Value) -> Result<(), SearchError>,
    ) -> Result<(), SearchError> {
        // The visitor's own error must come out as it is, hence the two layers.
        guarded(&self.name, || {
            for row in self.records.iter()? {
                let (id, value) = row?;
                let decoded = self.decoded(id.value(), value.value())?;
                let payload = decoded.payload().map_err(|e| bad(id.value(), e))?;
                if let Err(error) = visit(id.value(), decoded.sequence, &decoded.vector(), payload) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })?
    }

    fn decoded<'a>(&self, id: &str, bytes: &'a [u8]) -> Result<Decoded<'a>, redb::Error> {
        Decoded::new(bytes, self.shape).ok_or_else(|| bad(id, "it is too short, or of another format"))
    }

    fn record(&self, id: &str, bytes: &[u8]) -> Result<Record, redb::Error> {
        let decoded = self.decoded(id, bytes)?;
        let payload = decoded.payload().map_err(|e| bad(id, e))?;
        let content = decoded.content;
        Ok(Record { id: id.to_owned(), vector: decoded.vector(), payload, content })
    }
}

fn bad(id: &str, reason: impl std::fmt::Display) -> redb::Error {
    redb::Error::Corrupted(format!("record \"{id}\" cannot be read: {reason}"))
}
