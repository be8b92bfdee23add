//! Every limit of this crate, named, with its default.

use std::time::Duration;

/// What one process accepts and keeps; reaching a limit is an error that names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Collections in one data folder.
    pub collections_max: usize,
    /// Numbers in one vector.
    pub dimension_max: usize,
    /// Records in one collection; each takes four bytes a number in memory while fresh; sealed, a quarter and its links.
    pub records_per_collection_max: usize,
    /// Records in one upsert, ids in one delete.
    pub records_per_request_max: usize,
    /// Bytes of one payload, as JSON.
    pub payload_bytes_max: usize,
    /// Bytes of one id.
    pub id_bytes_max: usize,
    /// Neighbours in one answer.
    pub search_limit_max: usize,
    /// Duplicates that are listed with one neighbour.
    pub duplicates_max: usize,
    /// Nodes that a walk may be asked to keep.
    pub ef_max: usize,
    /// Records on one page.
    pub page_limit_max: usize,
    /// Records from which segments are made, because exact search stops being faster.
    pub approximate_from: usize,
    /// Bytes of file pages each open collection keeps in memory.
    pub cache_bytes_per_collection: usize,
    /// Bytes of the disk that are left free: a write that might take of them is refused.
    pub disk_reserve_bytes: u64,
    /// How long what was acknowledged may stay unsynced; with zero nothing is acknowledged before it is synced.
    pub unsynced_max: Duration,
    /// How long it takes until a segment that could not be made is tried again; twice as long after each time.
    pub seal_again_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            collections_max: 128,
            dimension_max: 16_384,
            records_per_collection_max: 2_000_000,
            records_per_request_max: 10_000,
            payload_bytes_max: 64 * 1024,
            id_bytes_max: 256,
            search_limit_max: 10_000,
            duplicates_max: 100,
            ef_max: 10_000,
            page_limit_max: 10_000,
            approximate_from: 50_000,
            cache_bytes_per_collection: 16 << 20,
            disk_reserve_bytes: 64 << 20,
            unsynced_max: Duration::ZERO,
            seal_again_after: Duration::from_mins(1),
        }
    }
}
