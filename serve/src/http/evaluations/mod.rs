//! `/v1/evaluations`: judging encoders on datasets of the server's disk, as jobs: started, listed, cancelled, resumed, deleted.

pub(super) mod events;
pub(super) mod results;

use std::sync::Arc;

use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use simclr_eval::EvalError;
use utoipa::ToSchema;

use super::error::ApiError;
use super::extract::ApiPath;
use super::upload;
use crate::app::App;
use crate::evaluations::{BASELINES, EvaluationError, Evaluations, Record, Request};

/// When it is worth asking again where the queue is full.
const FULL_RETRY: std::time::Duration = std::time::Duration::from_secs(30);

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/evaluations", get(list).post(start))
        .route("/v1/evaluations/options", get(options))
        .route("/v1/evaluations/{id}", get(one).delete(delete))
        .route("/v1/evaluations/{id}/cancel", post(cancel))
        .route("/v1/evaluations/{id}/resume", post(resume))
        .merge(events::routes())
        .merge(results::routes())
}

#[derive(Serialize, ToSchema)]
pub(super) struct EvaluationList {
    /// Newest first
    evaluations: Vec<Record>,
}

/// What an evaluation can be asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct EvaluationOptions {
    /// Whether the server was started with a folder of datasets
    enabled: bool,
    /// Models of this server, then the baselines
    encoders: Vec<String>,
    datasets: Vec<DatasetChoice>,
}

/// A dataset that a folder's name promises; whether it is whole shows when it is opened.
#[derive(Serialize, ToSchema)]
pub(super) struct DatasetChoice {
    name: String,
    title: String,
    folder: String,
}

/// All evaluations
#[utoipa::path(get, path = "/v1/evaluations", tag = "evaluations", responses((status = 200, body = EvaluationList)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<EvaluationList> {
    Json(EvaluationList { evaluations: app.evaluations.all() })
}

/// Which encoders and datasets an evaluation can name
#[utoipa::path(get, path = "/v1/evaluations/options", tag = "evaluations",
    responses((status = 200, body = EvaluationOptions)))]
pub(super) async fn options(State(app): State<Arc<App>>) -> Result<Json<EvaluationOptions>, ApiError> {
    let names = app.models.artefacts().into_iter().map(|(name, _)| name);
    let encoders = names.chain(BASELINES.map(str::to_owned)).collect();
    let enabled = app.evaluations.are_on();
    let datasets = off_thread(&app, Evaluations::datasets).await?;
    let choice = |one: simclr_eval::run::Listed| DatasetChoice {
        name: one.name,
        title: one.title,
        folder: one.folder,
    };
    Ok(Json(EvaluationOptions { enabled, encoders, datasets: datasets.into_iter().map(choice).collect() }))
}

/// Start an evaluation, or queue it behind the one that runs
#[utoipa::path(post, path = "/v1/evaluations", tag = "evaluations", request_body = Request,
    responses((status = 202, body = Record)))]
pub(super) async fn start(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<(StatusCode, Json<Record>), ApiError> {
    let request: Option<Request> = upload::read_json(&app, request).await?;
    let request = request.ok_or_else(|| {
        ApiError::bad("body_empty", "say what to evaluate: {\"encoders\": […], \"datasets\": […]}")
    })?;
    let artefacts = app.models.artefacts();
    let record = off_thread(&app, move |all| all.start(request, &artefacts)).await?;
    Ok((StatusCode::ACCEPTED, Json(record)))
}

/// One evaluation
#[utoipa::path(get, path = "/v1/evaluations/{id}", tag = "evaluations", params(("id" = String, Path)),
    responses((status = 200, body = Record)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<Record>, ApiError> {
    Ok(Json(app.evaluations.get(&id)?))
}

/// Delete an evaluation with its results; one that waits or runs is cancelled first
#[utoipa::path(delete, path = "/v1/evaluations/{id}", tag = "evaluations", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, ApiError> {
    off_thread(&app, move |all| all.delete(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stop an evaluation that waits or runs; what it has stays, and it can be resumed
#[utoipa::path(post, path = "/v1/evaluations/{id}/cancel", tag = "evaluations", params(("id" = String, Path)),
    responses((status = 200, body = Record)))]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<Record>, ApiError> {
    Ok(Json(off_thread(&app, move |all| all.cancel(&id)).await?))
}

/// Queue an evaluation again that was cancelled or has failed; it goes on where it was
#[utoipa::path(post, path = "/v1/evaluations/{id}/resume", tag = "evaluations", params(("id" = String, Path)),
    responses((status = 202, body = Record)))]
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    ApiPath(id): ApiPath<String>,
) -> Result<(StatusCode, Json<Record>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(off_thread(&app, move |all| all.resume(&id)).await?)))
}

/// Runs what touches the disk off the request threads.
async fn off_thread<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Evaluations) -> Result<T, EvaluationError> + Send + 'static,
) -> Result<T, ApiError> {
    let evaluations = Arc::clone(&app.evaluations);
    let task = tokio::task::spawn_blocking(move || work(&evaluations));
    Ok(task.await.map_err(ApiError::ours)??)
}

impl From<EvaluationError> for ApiError {
    fn from(error: EvaluationError) -> Self {
        let message = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, message.clone());
        match error {
            EvaluationError::Off => conflict("evaluations_off"),
            EvaluationError::Unknown => Self::missing("evaluation_not_found", message),
            EvaluationError::Full(_) => Self::busy("evaluations_full", message, FULL_RETRY),
            EvaluationError::TooMany => conflict("too_many_evaluations"),
            EvaluationError::NotNow(..) => conflict("evaluation_not_now"),
            EvaluationError::NoSuch { what, .. } => {
                let code = if what == "encoder" { "encoder_not_found" } else { "dataset_not_found" };
                Self::missing(code, message)
            }
            EvaluationError::Nothing => Self::bad("invalid_evaluation", message),
            // There is nothing to report of yet, or the two cannot be compared.
            EvaluationError::Eval(EvalError::Result { .. }) => Self::missing("results_not_found", message),
            EvaluationError::Eval(EvalError::Labels(_)) => conflict("not_comparable"),
            EvaluationError::Eval(error) => Self::ours(error),
        }
    }
}
