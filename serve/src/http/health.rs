//! `/health/live`, `/health/ready` and `/metrics`: for whoever watches the server, full or not.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::app::App;
use crate::metrics;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(text))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Health>) {
    if app.ready() {
        (StatusCode::OK, Json(Health { status: "ready" }))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "not ready" }))
    }
}

async fn text(State(app): State<Arc<App>>) -> impl IntoResponse {
    // A look at the queue first, so that callers who left are not counted.
    app.embedder.batcher().waiting();
    let sizes = app.collections().list().into_iter().map(|c| (c.name().to_owned(), c.count()));
    let text = app.metrics.text(app.ready(), sizes);
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text)
}
