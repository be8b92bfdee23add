//! `/health/live`, `/health/ready` and `/metrics`: for whoever watches the server, full or not.

use std::sync::Arc;
use std::time::Duration;

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

/// How long `/metrics` waits for the collections' sizes; whoever scrapes waits for ten seconds, by default.
const COUNTING_TIME_MAX: Duration = Duration::from_secs(2);

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

/// Everything else is told where the collections' store does not answer.
async fn in_time<T, E: ToString>(
    limit: Duration,
    counting: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, counting).await {
        Ok(counted) => counted.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} ms", limit.as_millis())),
    }
}

/// Counters and histograms for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn text(State(app): State<Arc<App>>) -> impl IntoResponse {
    let sizes = app.store(|store| {
        let size = |c: &Arc<dyn VectorCollection>| {
            let problem = c.statistics().is_some_and(|statistics| statistics.problem.is_some());
            Ok(metrics::Size { collection: c.name().to_owned(), records: c.count()?, problem })
        };
        store.list()?.iter().map(size).collect::<Result<Vec<_>, SearchError>>()
    });
    let sizes = in_time(COUNTING_TIME_MAX, sizes).await.unwrap_or_else(|error| {
        tracing::warn!(error, "the collections could not be counted");
        Vec::new()
    });
    let text = app.metrics.text(app.ready(), app.models.waiting(), sizes);
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_not_waited_for() {
        assert_eq!(in_time(COUNTING_TIME_MAX, async { Ok::<_, String>(3) }).await, Ok(3));
        let never = std::future::pending::<Result<u8, String>>();
        let late = in_time(Duration::from_millis(1), never).await;
        assert_eq!(late, Err("no answer within 1 ms".to_owned()));
    }
}
