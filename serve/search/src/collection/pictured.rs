//! Records whose pictures are kept: files first, then the records that they belong to, so that no record lacks its picture.

use std::io::ErrorKind;

use super::Collection;
use crate::asking::check_request;
use crate::store::{Change, lacking};
use crate::{ContentHash, Keep, PictureKind, Pictured, Record, SearchError, Upserted};

impl Collection {
    /// As `upsert`, and keeps of the pictures what this collection is made to keep; they are the records' by their contents.
    pub fn upsert_pictured(
        &self,
        records: Vec<Record>,
        pictures: &[Pictured],
    ) -> Result<Upserted, SearchError> {
        check_request(records.len(), &self.limits)?;
        let prepared = records.into_iter().map(|record| self.prepare(record)).collect::<Result<_, _>>()?;
        let kept = self.keep(pictures);
        let applied = kept.and_then(|()| self.submit(Change::Upsert(prepared)));
        self.pictures.release(pictures, |content| self.may_go(content));
        Ok(applied?.upserted)
    }

    /// A picture that is kept of a content; nothing where none is.
    pub fn picture(&self, content: ContentHash, kind: PictureKind) -> Result<Option<Vec<u8>>, SearchError> {
        // A collection that is gone has none, whatever lies in its place by now.
        self.shared.read().snapshot()?;
        let name = &self.name;
        self.pictures.read(&content, kind).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => {
                let reason = format!("a picture of content {content}: {error}");
                SearchError::DamagedPicture { collection: name.clone(), reason }
            }
            _ => SearchError::storage(format!("a picture of collection \"{name}\""), error),
        })
    }

    /// Removes those pictures whose last record is gone.
    pub(super) fn forget_pictures(&self, contents: &[ContentHash]) {
        if self.config.keep != Keep::default() {
            self.pictures.forget(contents, |content| self.may_go(content));
        }
    }

    fn keep(&self, pictures: &[Pictured]) -> Result<(), SearchError> {
        let full = |reason| SearchError::DiskFull { collection: self.name.clone(), reason };
        let folder = self.pictures.path();
        let bytes = self.pictures.bytes_of(pictures);
        let reserve = self.limits.disk_reserve_bytes;
        if bytes > 0
            && let Some(reason) = lacking(folder.parent().unwrap_or(folder), bytes, reserve)
        {
            return Err(full(reason));
        }
        self.pictures.keep(pictures).map_err(|error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => full(error.to_string()),
            _ => SearchError::storage(format!("writing {}", folder.display()), error),
        })
    }

    /// Whether no record has this content, and that is on disk: a crash must not bring a record back without its picture.
    ///
    /// What cannot be said now is at the next opening.
    fn may_go(&self, content: ContentHash) -> bool {
        matches!(self.by_content(content), Ok(None)) && self.sync().is_ok()
    }
}
