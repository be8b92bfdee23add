//! `GET /v1/evaluations/{id}/events`: what happens to an evaluation, as it happens, by server-sent events.
//!
//! A stream begins after the event that `Last-Event-ID` names, or with the first, and ends when nothing more will happen;
//! whoever asks again then is told so with 204, after which browsers no longer ask.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::super::error::ApiError;
use super::super::extract::ApiPath;
use crate::app::App;
use crate::evaluations::{Evaluations, Event};

/// A line that says nothing, so often, so that whoever stands between keeps the connection.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/evaluations/{id}/events", get(events))
}

/// Where a stream stands.
struct Stream {
    evaluations: Arc<Evaluations>,
    changes: watch::Receiver<u64>,
    id: String,
    after: u64,
    ready: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

/// What happens to an evaluation, as server-sent events: `status`, `plan`, `began`, `progress`, `ended`
#[utoipa::path(get, path = "/v1/evaluations/{id}/events", tag = "evaluations",
    params(("id" = String, Path), ("last-event-id" = Option<u64>, Header, description = "Begin after this one")),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = 204, description = "It has ended, and everything was told")))]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    ApiPath(id): ApiPath<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = match headers.get("last-event-id") {
        None => 0,
        Some(value) => value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
            ApiError::bad("invalid_last_event_id", "the header last-event-id is the number of an event")
        })?,
    };
    // Before the look at what there is, so that nothing falls between.
    let changes = app.evaluations.changes();
    let (ready, ended) = app.evaluations.events(&id, after)?;
    if ready.is_empty() && ended {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let limit = app.config.limits.event_streams_max;
    let place = Arc::clone(&app.streams_room).try_acquire_owned().map_err(|_| {
        let message = format!("the server is at its limit event_streams_max of {limit}; try again later");
        ApiError::busy("event_streams_full", message, Duration::from_secs(5))
    })?;
    let evaluations = Arc::clone(&app.evaluations);
    let stream = Stream { evaluations, changes, id, after, ready: ready.into(), _place: place };
    let sent = unfold(stream, |mut stream| async {
        let event = stream.next().await?;
        let sent = Sent::default().id(event.id.to_string()).event(event.kind).data(event.data.to_string());
        Some((Ok::<_, Infallible>(sent), stream))
    });
    Ok(Sse::new(sent).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)).into_response())
}

impl Stream {
    /// Waits for the next; none when nothing more will happen, or the server stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.after = event.id;
                return Some(event);
            }
            self.changes.mark_unchanged();
            let (ready, ended) = self.evaluations.events(&self.id, self.after).ok()?;
            self.ready = ready.into();
            if self.ready.is_empty() {
                if ended {
                    return None;
                }
                self.changes.changed().await.ok()?;
            }
        }
    }
}
