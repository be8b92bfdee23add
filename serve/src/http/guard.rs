//! What stands around every handler: limits on how much at once, the clock, the log line, the last catch for panics.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;
use tracing::Instrument;

use super::body::{discard, too_long};
use super::error::{ApiError, ErrorCode};
use super::room::{Counted, Room};
use super::timing;
use crate::app::App;
use crate::spans;

/// Takes a place among the requests before a byte of the body is read, or refuses; the body takes room as it arrives.
pub(super) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limits = app.config.limits;
    let size = request.body().size_hint();
    let refusal = if size.lower() > limits.body_bytes_max as u64 {
        too_long(limits.body_bytes_max)
    } else {
        // Held until there is an answer: what was read of the body is worked on until then.
        let room = Room::new(&app.bodies_room);
        match (app.requests_room.try_acquire(), room.is_there(size.lower())) {
            (Ok(_place), true) => {
                let counted = |body| Body::new(Counted::new(body, &room, limits.body_bytes_max));
                return next.run(request.map(counted)).await;
            }
            (Err(_), _) => full("requests_full", "requests_max", limits.requests_max),
            (_, false) => bodies_full(limits.bodies_bytes_max),
        }
    };
    let read = discard(&mut request.into_body()).await;
    refusal.closing_unless(read).into_response()
}

/// The refusal of a body that finds no room among all bodies.
pub(super) fn bodies_full(limit: usize) -> ApiError {
    full("bodies_full", "bodies_bytes_max", limit)
}

fn full(code: &'static str, name: &str, limit: usize) -> ApiError {
    let message = format!("the server is at its limit {name} of {limit}; try again later");
    ApiError::busy(code, message, Duration::from_secs(1))
}

/// Answers 503 for a handler that is not done in time, or not before a stop ends; dropping it gives back what it holds.
pub(super) async fn deadline(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = app.config.limits.request_deadline_ms;
    let (code, message) = tokio::select! {
        response = tokio::time::timeout(Duration::from_millis(limit), next.run(request)) => match response {
            Ok(response) => return response,
            Err(_) => {
                let message = format!("no answer within the {limit} ms a request may take; try again later");
                ("deadline_exceeded", message)
            }
        },
        () = app.last_moment() => ("stopping", "the server stops before this is done; try again".to_owned()),
    };
    ApiError::unavailable(code, message).into_response()
}

/// Counts the request and writes its line in the log.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    // The pattern, not the path: names of collections and records would make endless series of counters.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let id = request.extensions().get::<RequestId>().cloned();
    let id = id.as_ref().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    let span = spans::request(&request, &route, id);
    let answering = timing::listen(next.run(request)).instrument(span.clone());
    let mut left =
        Left { app: &app, route: &route, method: known_method(method.as_str()), id, is_over: false };
    let (mut response, timing) = answering.await;
    left.is_over = true;
    let (status, took) = (response.status(), started.elapsed());
    spans::answered(&span, status);
    if let Some(value) = timing::header(timing, took) {
        response.headers_mut().insert("server-timing", value);
    }
    app.metrics.request(&route, known_method(method.as_str()), status.as_u16(), took);
    let code = response.extensions().get::<ErrorCode>().map(|code| code.0);
    if let (Some(code), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) = (code, status) {
        app.metrics.refused(code);
    }
    let ms = took.as_secs_f64() * 1e3;
    let trace_id = spans::trace_id(&span);
    tracing::info!(%method, route, status = status.as_u16(), code, ms, request_id = id, trace_id, "request");
    response
}

/// Tells of a request that is dropped without an answer: its caller has left.
struct Left<'a> {
    app: &'a App,
    route: &'a str,
    method: &'a str,
    id: &'a str,
    is_over: bool,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        let Self { route, method, id: request_id, .. } = *self;
        if !self.is_over {
            self.app.metrics.cancelled(route, method);
            tracing::info!(method, route, outcome = "cancelled", request_id, "request");
        }
    }
}

/// Methods are the client's to invent, counters are ours to bound.
fn known_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH" => method,
        _ => "other",
    }
}

/// The answer when a handler panicked.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    ApiError::ours(format!("a handler panicked: {}", words.unwrap_or_default())).into_response()
}
