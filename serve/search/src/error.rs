//! Everything that can go wrong here, one variant per thing a caller can do about it.
//!
//! Errors are cloneable because one failed commit answers every upsert that shared it.

use std::path::PathBuf;

use crate::CollectionConfig;

/// What went wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// There is no such collection: create it, or correct the name.
    #[error("there is no collection named \"{name}\"")]
    CollectionNotFound {
        /// The name asked for.
        name: String,
    },
    /// The name is taken by a collection with another configuration: choose another name or delete that one.
    #[error("collection \"{name}\" already exists with {existing}; choose another name or delete it first")]
    CollectionExists {
        /// The name asked for.
        name: String,
        /// What it is made for.
        existing: CollectionConfig,
    },
    /// The name cannot be a folder's name everywhere: correct it.
    #[error("\"{name}\" cannot name a collection: {reason}")]
    BadName {
        /// The name asked for.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The configuration makes no sense: correct it.
    #[error("this collection cannot be created: {reason}")]
    BadConfig {
        /// What is wrong with it.
        reason: String,
    },
    /// The limit on collections is reached: delete one or raise `collections_max`.
    #[error(
        "there are already {limit} collections, the most allowed here; delete one or raise collections_max"
    )]
    TooManyCollections {
        /// The limit reached.
        limit: usize,
    },
    /// The vectors come from another encoder: use that encoder, or a collection of this one's.
    #[error(
        "collection \"{collection}\" holds vectors of space \"{expected}\", not \"{found}\"; \
         search it with the encoder that filled it, make another of it for this one (`simclr-serve reembed`, where it keeps originals), \
         or create one"
    )]
    OtherSpace {
        /// The collection.
        collection: String,
        /// Its space key.
        expected: String,
        /// The space key offered.
        found: String,
    },
    /// The collection's file cannot be trusted: restore it from a copy, or delete the collection and fill it again.
    #[error(
        "collection \"{collection}\" is damaged ({reason}); restore its folder from a copy, or delete it"
    )]
    Damaged {
        /// The collection.
        collection: String,
        /// What was found.
        reason: String,
    },
    /// A picture's file is not what was written: store the picture again, or delete its record.
    #[error(
        "collection \"{collection}\" has a damaged picture ({reason}); store it again, or delete its record"
    )]
    DamagedPicture {
        /// The collection.
        collection: String,
        /// What was found.
        reason: String,
    },
    /// The file was written by another version of this program: open it with that version.
    #[error(
        "collection \"{collection}\" has format {found}; this program reads formats up to {supported}: \
         open it with the version that wrote it"
    )]
    UnknownFormat {
        /// The collection.
        collection: String,
        /// The format found in the file.
        found: u64,
        /// The format this program writes, the newest that it reads.
        supported: u64,
    },
    /// Another process has the folder open: stop it, or use another folder.
    #[error("{} is in use by another process; stop it or use another data folder", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The disk refused: nothing of this request was acknowledged; free space or repair, then reopen.
    #[error("{what}: {reason}")]
    Storage {
        /// What was being done, to which collection or path.
        what: String,
        /// What the system said.
        reason: String,
    },
    /// The disk is full: nothing of this request was stored, searches go on; free space, and writes go on too.
    #[error(
        "collection \"{collection}\" cannot be written to, the disk is full ({reason}); free space and try again"
    )]
    DiskFull {
        /// The collection.
        collection: String,
        /// What the system said.
        reason: String,
    },
    /// The cluster that keeps the collections did not do what was asked: see to it, then try again.
    #[error("{what}: {reason}")]
    Remote {
        /// What was being done.
        what: String,
        /// What the cluster, or the network, said.
        reason: String,
    },
    /// A cluster has no view of one moment: use its own backup, or an export while nobody writes.
    #[error(
        "collection \"{collection}\" is on a cluster, which gives no view of one moment; back it up by the cluster's own means, \
         or export it while nobody writes"
    )]
    NoMoment {
        /// The collection.
        collection: String,
    },
    /// A vector has the wrong length: use the encoder the collection was made for.
    #[error("the vector of {of} has {found} numbers; this collection takes {expected}")]
    WrongDimension {
        /// Whose vector it is.
        of: String,
        /// The collection's dimension.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// A vector holds NaN or an infinity: its maker is broken.
    #[error("number {position} of the vector of {of} is not finite")]
    NotFinite {
        /// Whose vector it is.
        of: String,
        /// Where in the vector, from 0.
        position: usize,
    },
    /// A vector has another direction in the 16 bits of this collection: scale it, only its direction is compared.
    #[error(
        "the vector of {of} does not keep its direction in 16 bits, which hold up to 65504 and nothing of very small numbers; \
         scale it to length one"
    )]
    NotIn16Bits {
        /// Whose vector it is.
        of: String,
    },
    /// A vector is all zeros, which has no direction to compare.
    #[error("the vector of {of} is zero; cosine similarity needs a direction")]
    ZeroVector {
        /// Whose vector it is.
        of: String,
    },
    /// An id is empty, too long or unprintable: correct it.
    #[error("id {id:?} is refused: {reason}")]
    BadId {
        /// The id, shortened.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A payload is larger than `payload_bytes_max`: keep big things elsewhere and their address here.
    #[error("the payload of record \"{id}\" takes {bytes} bytes as JSON; payload_bytes_max allows {limit}")]
    PayloadTooLarge {
        /// The record.
        id: String,
        /// Its size as JSON.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A payload is nested deeper than can be read back: flatten it.
    #[error("the payload of record \"{id}\" is nested more than {limit} deep")]
    PayloadTooDeep {
        /// The record.
        id: String,
        /// The limit.
        limit: usize,
    },
    /// One request carries too many records or ids: send several.
    #[error("{found} records in one request; at most {limit} are allowed")]
    TooManyInOneRequest {
        /// How many came.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The collection is full: delete records, or raise `records_per_collection_max`.
    #[error("collection \"{collection}\" would exceed {limit} records, its records_per_collection_max")]
    CollectionFull {
        /// The collection.
        collection: String,
        /// The limit.
        limit: usize,
    },
    /// A search or page asks for no records or too many: correct `limit`.
    #[error("limit must be between 1 and {max}, not {found}")]
    BadLimit {
        /// What was asked.
        found: usize,
        /// The most allowed.
        max: usize,
    },
    /// A search reaches further down the list than is allowed: correct `offset` or `limit`.
    #[error("offset and limit together must be at most {max}, not {found}")]
    BadOffset {
        /// What was asked.
        found: usize,
        /// The most allowed.
        max: usize,
    },
    /// A search is to keep no nodes or too many: correct `ef`.
    #[error("ef must be between 1 and {max}, not {found}")]
    BadEf {
        /// What was asked.
        found: usize,
        /// The most allowed.
        max: usize,
    },
    /// A filter cannot be meant as it is: correct it.
    #[error("this filter is refused: {reason}")]
    BadFilter {
        /// What is wrong with it.
        reason: String,
    },
    /// The lowest score wanted is not a number: correct it.
    #[error("min_score must be a number")]
    BadMinScore,
}

impl SearchError {
    /// A system error while doing `what`.
    pub(crate) fn storage(what: impl Into<String>, reason: impl ToString) -> Self {
        SearchError::Storage { what: what.into(), reason: reason.to_string() }
    }
}
