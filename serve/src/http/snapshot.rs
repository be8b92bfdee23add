//! `GET /v1/collections/{collection}/snapshot`: every record of one moment, as the file that `simclr-serve export` writes.
//!
//! Written while it is sent, a part of the records at a time, so a snapshot takes the memory of a part. What is written to the
//! collection meanwhile does not show in it.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream::unfold;
use simclr_search::VectorCollection;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::collections::named;
use super::error::ApiError;
use super::extract::ApiPath;
use crate::app::App;
use crate::exchange::{ExchangeError, write_parquet};

/// Bytes sent at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Chunks that wait for the client.
const AHEAD: usize = 2;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/collections/{collection}/snapshot", get(snapshot))
}

type Chunk = Result<Bytes, ExchangeError>;

/// Copy a collection as it is now, while it is used: a Parquet file that `simclr-serve import` makes a collection of
#[utoipa::path(get, path = "/v1/collections/{collection}/snapshot", tag = "collections",
    params(("collection" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.apache.parquet")))]
pub(super) async fn snapshot(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, ApiError> {
    let collection = named(&app, &name).await?;
    let place = Arc::clone(&app.snapshot_room).try_acquire_owned().map_err(|_| {
        let message = "another snapshot is under way, and there is one at a time; try again later";
        ApiError::busy("snapshots_full", message, Duration::from_secs(10))
    })?;
    let patience = Duration::from_millis(app.config.limits.request_deadline_ms);
    let (chunks, mut sent) = channel(AHEAD);
    tokio::task::spawn_blocking(move || write(&*collection, chunks, patience, place));
    let first = match sent.recv().await {
        Some(Ok(first)) => first,
        Some(Err(ExchangeError::Store(error))) => return Err(error.into()),
        Some(Err(error)) => return Err(ApiError::ours(error)),
        None => return Err(ApiError::ours("a snapshot ended before it began")),
    };
    let headers = [
        (CONTENT_TYPE, "application/vnd.apache.parquet".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.parquet\"")),
    ];
    Ok((headers, body(first, sent)).into_response())
}

/// The first chunk and those that follow. An error ends the connection, so that nobody takes a part for the whole.
fn body(first: Bytes, sent: Receiver<Chunk>) -> Body {
    let next = |(first, mut sent): (Option<Bytes>, Receiver<Chunk>)| async {
        let chunk = match first {
            Some(first) => Ok(first),
            None => sent.recv().await?,
        };
        Some((chunk, (None, sent)))
    };
    Body::from_stream(unfold((Some(first), sent), next))
}

/// Writes all of it to whoever receives the chunks; the place among the snapshots is held as long.
fn write(
    collection: &dyn VectorCollection,
    chunks: Sender<Chunk>,
    patience: Duration,
    _place: OwnedSemaphorePermit,
) {
    let out = Out { chunks: chunks.clone(), chunk: Vec::with_capacity(CHUNK_BYTES), patience };
    let end =
        |mut out: Out| out.send().map_err(|error| ExchangeError::file(collection.name().as_ref(), error));
    if let Err(error) = write_parquet(collection, out).and_then(end) {
        tracing::warn!(collection = collection.name(), %error, "a snapshot was not finished");
        // Where the client left, nobody hears it.
        let _ = chunks.blocking_send(Err(error));
    }
}

/// Chunks on their way to the client.
struct Out {
    chunks: Sender<Chunk>,
    chunk: Vec<u8>,
    /// How long the client may take none.
    patience: Duration,
}

impl Out {
    fn send(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        let sending = async { tokio::time::timeout(self.patience, self.chunks.send(Ok(chunk.into()))).await };
        match Handle::current().block_on(sending) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client left")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client has stopped reading")),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK_BYTES {
            self.send()?;
        }
        Ok(taken)
    }

    /// Chunks go when they are full; the last when all is written.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
