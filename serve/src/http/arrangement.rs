//! `/v1/collections/{collection}/map/arrangement`: the job that arranges a collection's map by its neighbours.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;

use super::collections::named;
use super::error::ApiError;
use super::extract::ApiPath;
use crate::app::App;
use crate::map::{Job, SAMPLE, StartRefused, Status};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/collections/{collection}/map/arrangement", get(one).post(start).delete(end))
}

/// How the arrangement of a collection's map stands.
#[derive(Serialize, ToSchema)]
pub(super) struct ArrangementAnswer {
    collection: String,
    /// `none`, `running`, `finished`, `failed` or `cancelled`
    status: &'static str,
    /// What is being done
    step: Option<&'static str>,
    /// How far the step is
    done: usize,
    /// Of how much
    of: usize,
    /// Why it failed
    problem: Option<String>,
    /// Records that t-SNE arranges at most; others are placed among them
    sample: usize,
    /// What an earlier job left, which the map shows until a tenth of the records has changed
    kept: Option<KeptAnswer>,
}

/// An arrangement that is kept.
#[derive(Serialize, ToSchema)]
pub(super) struct KeptAnswer {
    /// Records that there were
    records: usize,
    /// How many were arranged
    arranged: usize,
    /// How many have a place
    placed: usize,
}

/// How the arrangement of a collection's map stands
#[utoipa::path(get, path = "/v1/collections/{collection}/map/arrangement", tag = "collections",
    params(("collection" = String, Path)), responses((status = 200, body = ArrangementAnswer)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<ArrangementAnswer>, ApiError> {
    named(&app, &name).await?;
    answer(&app, name).await.map(Json)
}

/// Arrange a collection's map by its neighbours (t-SNE), as a job of one core at the lowest priority
#[utoipa::path(post, path = "/v1/collections/{collection}/map/arrangement", tag = "collections",
    params(("collection" = String, Path)),
    responses((status = 202, description = "It runs", body = ArrangementAnswer)))]
pub(super) async fn start(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<(StatusCode, Json<ArrangementAnswer>), ApiError> {
    let collection = named(&app, &name).await?;
    let (arrangements, page) = (Arc::clone(&app.arrangements), app.config.limits.request_records_max);
    app.store(move |_| Ok(arrangements.start(collection, page))).await??;
    Ok((StatusCode::ACCEPTED, Json(answer(&app, name).await?)))
}

/// End the job where it runs, or else delete the arrangement that is kept
#[utoipa::path(delete, path = "/v1/collections/{collection}/map/arrangement", tag = "collections",
    params(("collection" = String, Path)), responses((status = 200, body = ArrangementAnswer)))]
pub(super) async fn end(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<ArrangementAnswer>, ApiError> {
    named(&app, &name).await?;
    let (arrangements, for_work) = (Arc::clone(&app.arrangements), name.clone());
    app.store(move |_| Ok(arrangements.end(&for_work))).await?.map_err(ApiError::ours)?;
    answer(&app, name).await.map(Json)
}

async fn answer(app: &App, collection: String) -> Result<ArrangementAnswer, ApiError> {
    // Before what is kept, which is there once a job has finished.
    let job = app.arrangements.job(&collection);
    let (arrangements, for_work) = (Arc::clone(&app.arrangements), collection.clone());
    let kept = app.store(move |_| Ok(arrangements.kept(&for_work))).await?;
    let kept =
        kept.map(|kept| KeptAnswer { records: kept.records, arranged: kept.arranged, placed: kept.placed });
    let status = match job.as_ref().map(|job| job.status) {
        Some(Status::Running) => "running",
        Some(Status::Failed) => "failed",
        Some(Status::Cancelled) => "cancelled",
        Some(Status::Finished) | None if kept.is_some() => "finished",
        Some(Status::Finished) | None => "none",
    };
    let running = job.as_ref().filter(|job| job.status == Status::Running);
    let (step, done, of) =
        running.map_or((None, 0, 0), |Job { step, done, of, .. }| (Some(*step), *done, *of));
    let problem = job.and_then(|job| job.problem);
    Ok(ArrangementAnswer { collection, status, step, done, of, problem, sample: SAMPLE, kept })
}

impl From<StartRefused> for ApiError {
    fn from(error: StartRefused) -> Self {
        let message = error.to_string();
        match error {
            StartRefused::Busy => Self::busy("busy", message, Duration::from_secs(5)),
            StartRefused::TooFew(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too_few_records", message)
            }
            StartRefused::Search(error) => Self::from(error),
            StartRefused::Thread(error) => Self::ours(error),
        }
    }
}
