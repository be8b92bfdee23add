//! Which records have which content, kept in the transactions that write the records.
//!
//! A content and an id are one key of a table: some 45 bytes and the id for each record that has a content, in pages of
//! their own. It knows nothing of what else a record holds.

use redb::{ReadableTable, TableDefinition};

use crate::content::CONTENT_BYTES;
use crate::{ContentHash, Duplicate};

type Key = (&'static [u8; CONTENT_BYTES], &'static str);

pub(super) type Table<'t> = redb::Table<'t, Key, ()>;

pub(super) const CONTENTS: TableDefinition<'_, Key, ()> = TableDefinition::new("contents");

/// Keeps up with a record whose content was `old` and is `new`, and tells which other record has the new one.
pub(super) fn stored(
    contents: &mut Table<'_>,
    id: &str,
    old: Option<ContentHash>,
    new: Option<ContentHash>,
) -> Result<Option<Duplicate>, redb::Error> {
    if let Some(old) = old.filter(|_| old != new) {
        contents.remove((old.bytes(), id))?;
    }
    let Some(content) = new else { return Ok(None) };
    if old != new {
        contents.insert((content.bytes(), id), ())?;
    }
    let of = first_other(contents, content, Some(id))?;
    Ok(of.map(|of| Duplicate { id: id.to_owned(), of }))
}

/// The first record of a content, in the order of their ids, other than `than`.
pub(super) fn first_other(
    contents: &impl ReadableTable<Key, ()>,
    content: ContentHash,
    than: Option<&str>,
) -> Result<Option<String>, redb::Error> {
    for entry in contents.range((content.bytes(), "")..)?.take(2) {
        let (key, _) = entry?;
        let (found, id) = key.value();
        if found == content.bytes() && Some(id) != than {
            return Ok(Some(id.to_owned()));
        }
    }
    Ok(None)
}
