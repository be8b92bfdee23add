//! What a collection holds already: which ids with which contents. Read once, when an index begins, and kept up to date by it.

use std::collections::HashMap;

use simclr_search::{ContentHash, Record, SearchError, VectorCollection};

use crate::sampling;

/// About a record.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Nothing of a record that somebody stored without saying.
    content: Option<ContentHash>,
    /// Whether an index stored it: nobody else's is ever taken away.
    indexed: bool,
}

/// The records of a collection, by id and by content.
#[derive(Debug, Default)]
pub(super) struct Known {
    entries: HashMap<String, Entry>,
    /// The first record of each content.
    by_content: HashMap<ContentHash, String>,
}

impl Known {
    /// Reads every record, `page` at a time.
    pub(super) fn read(collection: &dyn VectorCollection, page: usize) -> Result<Self, SearchError> {
        let mut known = Self::default();
        sampling::each(collection, page, |Record { id, payload, content, .. }| {
            // Records of before there were hashes, as the page stored them, have one in their payload.
            let told = || payload["sha256"].as_str()?.parse().ok();
            let (content, indexed) = (content.or_else(told), payload["path"] == *id);
            if let Some(content) = content {
                known.by_content.entry(content).or_insert_with(|| id.clone());
            }
            known.entries.insert(id, Entry { content, indexed });
            true
        })?;
        Ok(known)
    }

    pub(super) fn is_indexed(&self, id: &str) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.indexed)
    }

    pub(super) fn holds(&self, id: &str, content: &ContentHash) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.content.as_ref() == Some(content))
    }

    /// The record that has this content, other than `id`.
    pub(super) fn other_of(&self, content: &ContentHash, id: &str) -> Option<&str> {
        self.by_content.get(content).map(String::as_str).filter(|other| *other != id)
    }

    /// Notes what is being stored.
    pub(super) fn put(&mut self, id: &str, content: ContentHash) {
        self.take(id);
        self.by_content.insert(content, id.to_owned());
        self.entries.insert(id.to_owned(), Entry { content: Some(content), indexed: true });
    }

    /// Notes that a record is gone, or that its content is.
    pub(super) fn take(&mut self, id: &str) {
        let content = self.entries.remove(id).and_then(|entry| entry.content);
        if let Some(content) =
            content.filter(|content| self.by_content.get(content).is_some_and(|of| of == id))
        {
            self.by_content.remove(&content);
        }
    }

    /// Ids that an index stored, sorted.
    pub(super) fn indexed(&self) -> Vec<String> {
        let indexed = self.entries.iter().filter(|(_, entry)| entry.indexed);
        let mut ids: Vec<String> = indexed.map(|(id, _)| id.clone()).collect();
        ids.sort_unstable();
        ids
    }
}
