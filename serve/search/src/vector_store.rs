//! What a store of collections can do, whoever keeps them: this process, or a cluster behind a network.
//!
//! The embedded store ([`Collections`]) is one implementation, a Milvus cluster (feature `milvus`) the other; the same
//! suite of tests holds both to the same words. Calls block: they wait for a disk or a network.

use std::sync::Arc;

use crate::{
    Collection, CollectionConfig, Collections, ContentHash, Neighbour, PictureKind, Pictured, Problem, Query,
    Recall, Record, SearchError, Statistics, Upserted,
};

/// A set of named collections.
pub trait VectorStore: Send + Sync {
    /// Creates a collection, or returns the one that is there if it has the same configuration.
    ///
    /// # Errors
    /// When the name or the configuration is refused, or the name is taken by a collection of another configuration.
    fn create(&self, name: &str, config: CollectionConfig) -> Result<Arc<dyn VectorCollection>, SearchError>;

    /// The collection of this name.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    fn get(&self, name: &str) -> Result<Arc<dyn VectorCollection>, SearchError>;

    /// All collections that can be used, in the order of their names.
    ///
    /// # Errors
    /// When the store does not answer.
    fn list(&self) -> Result<Vec<Arc<dyn VectorCollection>>, SearchError>;

    /// All collections that cannot be used, in the order of their names.
    fn problems(&self) -> Vec<Problem>;

    /// Syncs what was acknowledged before it was synced, where a store does so.
    ///
    /// # Errors
    /// When the disk refuses.
    fn sync(&self) -> Result<(), SearchError> {
        Ok(())
    }

    /// Deletes a collection with its records.
    ///
    /// # Errors
    /// When there is none, or it cannot be deleted.
    fn delete(&self, name: &str) -> Result<(), SearchError>;
}

/// One collection of a store; every method's errors are those of the methods of [`Collection`] of the same name.
#[allow(clippy::missing_errors_doc)]
pub trait VectorCollection: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// What it was created for.
    fn config(&self) -> &CollectionConfig;

    /// Adds records or replaces those with the same id; durable and searchable when it returns.
    fn upsert(&self, records: Vec<Record>) -> Result<Upserted, SearchError>;

    /// As `upsert`, and keeps of the pictures what this collection is made to keep.
    fn upsert_pictured(&self, records: Vec<Record>, _pictures: &[Pictured]) -> Result<Upserted, SearchError> {
        self.upsert(records)
    }

    /// A picture that is kept of a content; nothing where none is.
    fn picture(&self, _content: ContentHash, _kind: PictureKind) -> Result<Option<Vec<u8>>, SearchError> {
        Ok(None)
    }

    /// Deletes records and says how many there were.
    fn delete(&self, ids: &[String]) -> Result<usize, SearchError>;

    /// One record as it was given.
    fn get(&self, id: &str) -> Result<Option<Record>, SearchError>;

    /// The first id, in their order, of a record whose picture has this content.
    fn by_content(&self, content: ContentHash) -> Result<Option<String>, SearchError>;

    /// The contents of these that a record has, each with the first id.
    fn by_contents(&self, contents: &[ContentHash]) -> Result<Vec<(ContentHash, String)>, SearchError> {
        let found = contents.iter().map(|&content| Ok((content, self.by_content(content)?)));
        let found = found.filter_map(|found| found.map(|(content, id)| Some((content, id?))).transpose());
        found.collect()
    }

    /// The next `limit` records after the id `after`, in the order of their ids.
    fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Record>, SearchError>;

    /// Hands every record of one moment to `visit`, at most `part` at a time in the order of their ids, until it has enough.
    fn each_of_moment(
        &self,
        _part: usize,
        _visit: &mut dyn FnMut(Vec<Record>) -> bool,
    ) -> Result<(), SearchError> {
        Err(SearchError::NoMoment { collection: self.name().to_owned() })
    }

    /// How many records there are.
    fn count(&self) -> Result<usize, SearchError>;

    /// The records nearest to each query's direction, best first.
    fn search_many(&self, queries: &[Query]) -> Result<Vec<Vec<Neighbour>>, SearchError>;

    /// The records nearest to a direction, best first.
    fn search(&self, query: &Query) -> Result<Vec<Neighbour>, SearchError> {
        Ok(self.search_many(std::slice::from_ref(query))?.pop().unwrap_or_default())
    }

    /// What the search of it looks like; nothing where a cluster does not tell.
    fn statistics(&self) -> Option<Statistics> {
        None
    }

    /// How many of the nearest neighbours of `sample` records are found; `None` where nobody can say.
    fn recall(&self, _sample: usize) -> Option<Recall> {
        None
    }

    /// Whether a query can be asked here at all: [`search_many`](Self::search_many) refuses all for one that cannot.
    fn check(&self, query: &Query) -> Result<(), SearchError>;

    /// Refuses vectors of another encoder than the one this collection was made for.
    fn require_space(&self, space_key: &str) -> Result<(), SearchError> {
        let expected = &self.config().space_key;
        if space_key == expected {
            return Ok(());
        }
        let (collection, expected, found) = (self.name().to_owned(), expected.clone(), space_key.to_owned());
        Err(SearchError::OtherSpace { collection, expected, found })
    }
}

impl VectorStore for Collections {
    fn create(&self, name: &str, config: CollectionConfig) -> Result<Arc<dyn VectorCollection>, SearchError> {
        Ok(self.create(name, config)?)
    }

    fn get(&self, name: &str) -> Result<Arc<dyn VectorCollection>, SearchError> {
        Ok(self.get(name)?)
    }

    fn list(&self) -> Result<Vec<Arc<dyn VectorCollection>>, SearchError> {
        Ok(self.list().into_iter().map(|collection| collection as Arc<dyn VectorCollection>).collect())
    }

    fn problems(&self) -> Vec<Problem> {
        self.problems()
    }

    fn sync(&self) -> Result<(), SearchError> {
        self.sync()
    }

    fn delete(&self, name: &str) -> Result<(), SearchError> {
        self.delete(name)
    }
}

impl VectorCollection for Collection {
    fn name(&self) -> &str {
        self.name()
    }

    fn config(&self) -> &CollectionConfig {
        self.config()
    }

    fn upsert(&self, records: Vec<Record>) -> Result<Upserted, SearchError> {
        self.upsert(records)
    }

    fn upsert_pictured(&self, records: Vec<Record>, pictures: &[Pictured]) -> Result<Upserted, SearchError> {
        self.upsert_pictured(records, pictures)
    }

    fn picture(&self, content: ContentHash, kind: PictureKind) -> Result<Option<Vec<u8>>, SearchError> {
        self.picture(content, kind)
    }

    fn delete(&self, ids: &[String]) -> Result<usize, SearchError> {
        self.delete(ids)
    }

    fn get(&self, id: &str) -> Result<Option<Record>, SearchError> {
        self.get(id)
    }

    fn by_content(&self, content: ContentHash) -> Result<Option<String>, SearchError> {
        self.by_content(content)
    }

    fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Record>, SearchError> {
        self.page(after, limit)
    }

    fn count(&self) -> Result<usize, SearchError> {
        Ok(self.count())
    }

    fn search_many(&self, queries: &[Query]) -> Result<Vec<Vec<Neighbour>>, SearchError> {
        self.search_many(queries)
    }

    fn search(&self, query: &Query) -> Result<Vec<Neighbour>, SearchError> {
        self.search(query)
    }

    fn each_of_moment(
        &self,
        part: usize,
        visit: &mut dyn FnMut(Vec<Record>) -> bool,
    ) -> Result<(), SearchError> {
        self.each_of_moment(part, visit)
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.statistics())
    }

    fn recall(&self, sample: usize) -> Option<Recall> {
        self.recall(sample)
    }

    fn check(&self, query: &Query) -> Result<(), SearchError> {
        self.check(query)
    }
}
