//! Every limit a client can meet, with its default and its unit in its name.

use std::time::Duration;

use serde::Serialize;

use super::{Problems, RawConfig};

/// How long relaxed durability lets a sync wait.
const RELAXED: Duration = Duration::from_secs(1);
/// Bytes of one encoded picture, where nothing else was said.
pub(super) const PICTURE_BYTES_MAX: usize = 20 << 20;

/// Every limit a client can meet; `/v1/describe` prints them under these names.
#[derive(Debug, Clone, Copy, Serialize)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one encoded picture.
    pub picture_bytes_max: usize,
    /// Pixels of one picture.
    pub picture_pixels_max: u64,
    /// Pictures in one request.
    pub request_pictures_max: usize,
    /// Records in one request or page.
    pub request_records_max: usize,
    /// Collections in the data folder or the cluster.
    pub collections_max: usize,
    /// Records in one collection.
    pub records_per_collection_max: usize,
    /// Bytes of one record's payload as JSON.
    pub payload_bytes_max: usize,
    /// Bytes of the disk that writes leave free.
    pub disk_reserve_bytes: u64,
    /// Bytes of one body.
    pub body_bytes_max: usize,
    /// Bytes of all bodies held at once.
    pub bodies_bytes_max: usize,
    /// Requests served at once.
    pub requests_max: usize,
    /// Pictures admitted and not yet embedded.
    pub queue_pictures_max: usize,
    /// Pictures in one run of the encoder.
    pub batch_pictures_max: usize,
    /// Connections held at once.
    pub connections_max: usize,
    /// Evaluations that wait for their turn.
    pub evaluations_waiting_max: usize,
    /// Bytes that evaluations keep of what they computed, between two of them.
    pub evaluation_cache_bytes_max: u64,
    /// Streams of evaluations' events held open at once.
    pub event_streams_max: usize,
    /// Milliseconds a header may take to arrive, or a connection may be idle.
    pub header_timeout_ms: u64,
    /// Milliseconds a body may take to arrive.
    pub body_timeout_ms: u64,
    /// Milliseconds a client may read nothing of its answer.
    pub write_timeout_ms: u64,
    /// Milliseconds a request may take.
    pub request_deadline_ms: u64,
}

impl Limits {
    pub(super) fn check(raw: &RawConfig, problems: &mut Problems) -> Self {
        let of_store = store_limits(raw, problems);
        let limits = Self {
            picture_bytes_max: problems.at_least_one(
                "picture-bytes-max",
                raw.picture_bytes_max,
                PICTURE_BYTES_MAX,
            ),
            picture_pixels_max: problems.at_least_one(
                "picture-pixels-max",
                raw.picture_pixels_max,
                50_000_000,
            ),
            request_pictures_max: problems.at_least_one("request-pictures-max", raw.request_pictures_max, 64),
            request_records_max: problems.at_least_one("request-records-max", raw.request_records_max, 1000),
            collections_max: of_store.collections_max,
            records_per_collection_max: of_store.records_per_collection_max,
            payload_bytes_max: of_store.payload_bytes_max,
            disk_reserve_bytes: of_store.disk_reserve_bytes,
            body_bytes_max: problems.at_least_one("body-bytes-max", raw.body_bytes_max, 64 << 20),
            bodies_bytes_max: problems.at_least_one("bodies-bytes-max", raw.bodies_bytes_max, 512 << 20),
            requests_max: problems.at_least_one("requests-max", raw.requests_max, 1024),
            queue_pictures_max: problems.at_least_one("queue-pictures-max", raw.queue_pictures_max, 256),
            batch_pictures_max: problems.at_least_one("batch-pictures-max", raw.batch_pictures_max, 32),
            connections_max: problems.at_least_one("connections-max", raw.connections_max, 1024),
            evaluations_waiting_max: problems.at_least_one(
                "evaluations-waiting-max",
                raw.evaluations_waiting_max,
                8,
            ),
            evaluation_cache_bytes_max: problems.at_least_one(
                "evaluation-cache-bytes-max",
                raw.evaluation_cache_bytes_max,
                10 << 30,
            ),
            event_streams_max: problems.at_least_one("event-streams-max", raw.event_streams_max, 64),
            header_timeout_ms: problems.at_least_one("header-timeout-ms", raw.header_timeout_ms, 30_000),
            body_timeout_ms: problems.at_least_one("body-timeout-ms", raw.body_timeout_ms, 30_000),
            write_timeout_ms: problems.at_least_one("write-timeout-ms", raw.write_timeout_ms, 30_000),
            request_deadline_ms: problems.at_least_one(
                "request-deadline-ms",
                raw.request_deadline_ms,
                60_000,
            ),
        };
        // A request that could never be admitted would be told to come back later for ever.
        problems.fits(
            "request-pictures-max",
            limits.request_pictures_max,
            "queue-pictures-max",
            limits.queue_pictures_max,
        );
        problems.fits("body-bytes-max", limits.body_bytes_max, "bodies-bytes-max", limits.bodies_bytes_max);
        limits
    }
}

/// What the collections themselves keep to, whoever opens them: the server, or a command that has no requests.
pub(super) fn store_limits(raw: &RawConfig, problems: &mut Problems) -> simclr_search::Limits {
    let own = simclr_search::Limits::default();
    simclr_search::Limits {
        collections_max: problems.at_least_one("collections-max", raw.collections_max, own.collections_max),
        records_per_collection_max: problems.at_least_one(
            "records-per-collection-max",
            raw.records_per_collection_max,
            own.records_per_collection_max,
        ),
        payload_bytes_max: problems.at_least_one(
            "payload-bytes-max",
            raw.payload_bytes_max,
            own.payload_bytes_max,
        ),
        disk_reserve_bytes: raw.disk_reserve_bytes.unwrap_or(own.disk_reserve_bytes),
        unsynced_max: unsynced_max(raw, problems),
        ..own
    }
}

/// How long what was acknowledged may stay unsynced.
pub(super) fn unsynced_max(raw: &RawConfig, problems: &mut Problems) -> Duration {
    match raw.durability.as_deref() {
        None | Some("full") => Duration::ZERO,
        Some("relaxed") => RELAXED,
        Some(other) => {
            problems.add("durability", other, "must be full or relaxed".to_owned());
            Duration::ZERO
        }
    }
}
