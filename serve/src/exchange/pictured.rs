//! A record together with what is kept of its picture: how collections that keep pictures go out whole and come in whole.

use std::collections::HashSet;

use simclr_search::{ContentHash, Keep, PictureKind, Pictured, Record, SearchError, VectorCollection};

use super::{ExchangeError, PART_BYTES, Source};

/// Records that are read at a time where they bring pictures, which may have megabytes each.
const READ_PICTURED: usize = 8;

/// A record, and what is kept of its picture.
pub(super) struct Entry {
    pub(super) record: Record,
    pub(super) pictured: Option<Pictured>,
}

impl Entry {
    /// Of what a file says; a picture belongs to a record by its content, which an original says by itself.
    pub(super) fn new(
        mut record: Record,
        thumbnail: Option<Vec<u8>>,
        original: Option<Vec<u8>>,
    ) -> Result<Self, &'static str> {
        let own = original.as_deref().map(ContentHash::of);
        record.content = record.content.or(own);
        let pictured = match record.content {
            _ if thumbnail.is_none() && original.is_none() => None,
            None => return Err("it has a thumbnail, and no content_sha256 to keep it by"),
            Some(content) if own.is_some_and(|own| own != content) => {
                return Err("its original is not the picture that its content_sha256 names");
            }
            Some(content) => Some(Pictured { content, thumbnail, original }),
        };
        Ok(Self { record, pictured })
    }

    pub(super) fn thumbnail(&self) -> Option<&[u8]> {
        self.pictured.as_ref()?.thumbnail.as_deref()
    }

    pub(super) fn original(&self) -> Option<&[u8]> {
        self.pictured.as_ref()?.original.as_deref()
    }

    fn picture_bytes(&self) -> usize {
        [self.thumbnail(), self.original()].into_iter().flatten().map(<[u8]>::len).sum()
    }

    /// Drops what a collection that keeps such does not keep, and says how many pictures that were.
    fn leave_out_of(&mut self, kept: Keep) -> usize {
        let Some(Pictured { thumbnail, original, .. }) = &mut self.pictured else { return 0 };
        let dropped = [
            if kept.thumbnails { None } else { thumbnail.take() },
            if kept.originals { None } else { original.take() },
        ];
        dropped.into_iter().flatten().count()
    }
}

/// Brings what a collection keeps of its records' pictures, each content's with its first record.
pub(super) struct Pictures<'a> {
    collection: &'a dyn VectorCollection,
    keep: Keep,
    brought: HashSet<ContentHash>,
}

impl<'a> Pictures<'a> {
    pub(super) fn new(collection: &'a dyn VectorCollection) -> Self {
        Self { collection, keep: collection.config().keep, brought: HashSet::new() }
    }

    /// Hands records to `write` with their pictures, as many at a time as fit in memory.
    pub(super) fn of(
        &mut self,
        records: Vec<Record>,
        mut write: impl FnMut(Vec<Entry>) -> Result<(), ExchangeError>,
    ) -> Result<(), ExchangeError> {
        let (mut part, mut bytes) = (Vec::new(), 0);
        for record in records {
            let entry = self.entry(record)?;
            bytes += entry.picture_bytes();
            part.push(entry);
            if bytes >= PART_BYTES {
                write(std::mem::take(&mut part))?;
                bytes = 0;
            }
        }
        if part.is_empty() { Ok(()) } else { write(part) }
    }

    fn entry(&mut self, record: Record) -> Result<Entry, SearchError> {
        let content = record.content.filter(|_| self.keep != Keep::default());
        let Some(content) = content.filter(|&content| self.brought.insert(content)) else {
            return Ok(Entry { record, pictured: None });
        };
        let thumbnail = self.picture(&record.id, content, self.keep.thumbnails, PictureKind::Thumbnail)?;
        let original = self.picture(&record.id, content, self.keep.originals, PictureKind::Original)?;
        Ok(Entry { record, pictured: Some(Pictured { content, thumbnail, original }) })
    }

    /// A damaged one is missing: whoever copies a collection wants the rest of it all the more.
    fn picture(
        &self,
        record: &str,
        content: ContentHash,
        kept: bool,
        kind: PictureKind,
    ) -> Result<Option<Vec<u8>>, SearchError> {
        match if kept { self.collection.picture(content, kind) } else { Ok(None) } {
            Err(error @ SearchError::DamagedPicture { .. }) => {
                tracing::warn!(collection = self.collection.name(), record, %error, "a picture is left out");
                Ok(None)
            }
            found => found,
        }
    }
}

/// The next records of a source for a collection that keeps such pictures, at most `count` and as many as fit in memory; and
/// how many pictures came along that it does not keep.
pub(super) fn read_part(
    source: &mut dyn Source,
    count: usize,
    kept: Keep,
) -> Result<(Vec<Entry>, usize), ExchangeError> {
    let step = if source.keep() == Keep::default() { count } else { READ_PICTURED };
    let (mut part, mut bytes, mut left_out) = (Vec::new(), 0, 0);
    while part.len() < count && bytes < PART_BYTES {
        let mut entries = source.read(step.min(count - part.len()))?;
        if entries.is_empty() {
            break;
        }
        for entry in &mut entries {
            left_out += entry.leave_out_of(kept);
            bytes += entry.picture_bytes();
        }
        part.append(&mut entries);
    }
    Ok((part, left_out))
}
