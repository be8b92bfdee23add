//! `/health/live`, `/health/ready` and `/metrics`: for whoever watches the server, full or not.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use simclr_search::{SearchError, VectorCollection};
use utoipa::ToSchema;

use crate::app::App;
use crate::metrics;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(text))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: &'static str,
}

/// Whether the process answers
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Health)))]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// Whether requests are welcome: everything is warmed, nothing stops, no model keeps failing
#[utoipa::path(get, path = "/health/ready", tag = "health",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Health>) {
    if app.ready() {
        (StatusCode::OK, Json(Health { status: "ready" }))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "not ready" }))
    }
}

/// Counters and histograms for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn text(State(app): State<Arc<App>>) -> impl IntoResponse {
    let sizes = app.store(|store| {
        let size = |c: &Arc<dyn VectorCollection>| Ok((c.name().to_owned(), c.count()?));
        store.list()?.iter().map(size).collect::<Result<Vec<_>, SearchError>>()
    });
    let sizes = sizes.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the collections could not be counted");
        Vec::new()
    });
    let text = app.metrics.text(app.ready(), app.models.waiting(), sizes);
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text)
}
