//! A record together with what is kept of its picture: how collections that keep pictures go out whole and come in whole.

use simclr_search::{ContentHash, Keep, PictureKind, Pictured, Record, SearchError, VectorCollection};

use super::{ExchangeError, PART_BYTES};

/// Records with originals that are read at a time, and with thumbnails alone: a picture may have megabytes.
const WITH_ORIGINALS_MAX: usize = 32;
const WITH_THUMBNAILS_MAX: usize = 1000;

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

    fn of(collection: &dyn VectorCollection, keep: Keep, record: Record) -> Result<Self, SearchError> {
        let Some(content) = record.content.filter(|_| keep != Keep::default()) else {
            return Ok(Self { record, pictured: None });
        };
        let of = |kept: bool, kind| if kept { collection.picture(content, kind) } else { Ok(None) };
        let thumbnail = of(keep.thumbnails, PictureKind::Thumbnail)?;
        let original = of(keep.originals, PictureKind::Original)?;
        Ok(Self { record, pictured: Some(Pictured { content, thumbnail, original }) })
    }

    pub(super) fn thumbnail(&self) -> Option<&[u8]> {
        self.pictured.as_ref()?.thumbnail.as_deref()
    }

    pub(super) fn original(&self) -> Option<&[u8]> {
        self.pictured.as_ref()?.original.as_deref()
    }
}

/// Hands records of a collection to `write` with what it keeps of their pictures, as many at a time as fit in memory.
pub(super) fn with_pictures(
    collection: &dyn VectorCollection,
    records: Vec<Record>,
    mut write: impl FnMut(&[Entry]) -> Result<(), ExchangeError>,
) -> Result<(), ExchangeError> {
    let keep = collection.config().keep;
    let (mut part, mut bytes) = (Vec::new(), 0);
    for record in records {
        let entry = Entry::of(collection, keep, record)?;
        bytes += [entry.thumbnail(), entry.original()].into_iter().flatten().map(<[u8]>::len).sum::<usize>();
        part.push(entry);
        if bytes >= PART_BYTES {
            write(&part)?;
            part.clear();
            bytes = 0;
        }
    }
    if part.is_empty() { Ok(()) } else { write(&part) }
}

/// How many of at most `count` records are read at a time where they bring such pictures.
pub(super) fn count_with(keep: Keep, count: usize) -> usize {
    match keep {
        Keep { originals: true, .. } => count.min(WITH_ORIGINALS_MAX),
        Keep { thumbnails: true, .. } => count.min(WITH_THUMBNAILS_MAX),
        _ => count,
    }
}
