//! `/v2`: the Open Inference Protocol, as Triton's clients and load tools speak it.
//!
//! A model takes one of two tensors, `pictures`, encoded files, or `images`, floats prepared as the recipe says, and gives
//! `embedding`. Refusals have this protocol's shape, `{"error": "…"}`; everything else is the same server.

pub(super) mod infer;
pub(super) mod repository;
mod tensors;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorMessage};
use super::extract::ApiPath;
use super::models::asked;
use crate::app::App;
use crate::models::Served;
use repository::config;

/// The only version of any model.
const VERSION: &str = "1";
const PLATFORM: &str = "onnx_onnxv1";
/// Encoded pictures: BYTES, N or N×1.
const PICTURES: &str = "pictures";
/// Prepared pictures: FP32, N×3×side×side.
const IMAGES: &str = "images";
/// FP32, N×embedding length.
const EMBEDDING: &str = "embedding";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2", get(server))
        .route("/v2/models/{model}", get(metadata))
        .route("/v2/models/{model}/versions/{version}", get(metadata))
        .route("/v2/models/{model}/config", get(config))
        .route("/v2/models/{model}/versions/{version}/config", get(config))
        .route("/v2/models/{model}/infer", post(infer::infer))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer::infer))
        .merge(repository::routes())
}

/// Reached when the server is full, too.
pub(super) fn health_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/{model}/ready", get(model_ready))
        .route("/v2/models/{model}/versions/{version}/ready", get(model_ready))
}

/// `{"error": "…"}` in place of our own shape, on this protocol's paths.
pub(super) async fn shape_errors(request: Request, next: Next) -> Response {
    let ours =
        request.uri().path().strip_prefix("/v2").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let response = next.run(request).await;
    let Some(ErrorMessage(error)) = response.extensions().get::<ErrorMessage>().filter(|_| ours).cloned()
    else {
        return response;
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    let body = Json(OipError { error }).into_response().into_body();
    Response::from_parts(parts, body)
}

/// A refusal.
#[derive(Serialize, ToSchema)]
pub(super) struct OipError {
    error: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ServerMetadata {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; 3],
}

#[derive(Serialize, ToSchema)]
pub(super) struct Live {
    live: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    ready: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ModelReady {
    name: String,
    ready: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ModelMetadata {
    name: String,
    versions: [&'static str; 1],
    platform: &'static str,
    /// An inference takes exactly one of them
    inputs: [TensorMetadata; 2],
    outputs: [TensorMetadata; 1],
}

#[derive(Serialize, ToSchema)]
pub(super) struct TensorMetadata {
    name: &'static str,
    datatype: &'static str,
    /// -1 where any number will do
    shape: Vec<i64>,
}

/// A path's model and, where the path has one, version.
#[derive(Deserialize)]
pub(super) struct Which {
    model: String,
    version: Option<String>,
}

impl Which {
    fn find(&self, app: &App) -> Result<Arc<Served>, ApiError> {
        if self.version.as_deref().is_some_and(|version| version != VERSION) {
            return Err(ApiError::missing("version_not_found", "a model here has the version \"1\" alone"));
        }
        asked(app, Some(&self.model))
    }
}

/// The server and its extensions of the protocol
#[utoipa::path(get, path = "/v2", tag = "open inference protocol", responses((status = 200, body = ServerMetadata)))]
pub(super) async fn server() -> Json<ServerMetadata> {
    let extensions = ["binary_tensor_data", "model_repository", "model_configuration"];
    Json(ServerMetadata { name: "simclr-serve", version: env!("CARGO_PKG_VERSION"), extensions })
}

/// Whether the process answers
#[utoipa::path(get, path = "/v2/health/live", tag = "open inference protocol", responses((status = 200, body = Live)))]
pub(super) async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// Whether requests are welcome
#[utoipa::path(get, path = "/v2/health/ready", tag = "open inference protocol",
    responses((status = 200, body = Ready), (status = 503, body = Ready)))]
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Ready>) {
    let ready = app.ready();
    (status(ready), Json(Ready { ready }))
}

/// Whether one model's requests are welcome
#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "open inference protocol",
    params(("model" = String, Path)), responses((status = 200, body = ModelReady), (status = 503, body = ModelReady)))]
pub(super) async fn model_ready(
    State(app): State<Arc<App>>,
    ApiPath(which): ApiPath<Which>,
) -> Result<(StatusCode, Json<ModelReady>), ApiError> {
    let ready = which.find(&app)?.is_well() && !app.is_stopping();
    Ok((status(ready), Json(ModelReady { name: which.model, ready })))
}

fn status(ready: bool) -> StatusCode {
    if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// What a model takes and gives
#[utoipa::path(get, path = "/v2/models/{model}", tag = "open inference protocol",
    params(("model" = String, Path)), responses((status = 200, body = ModelMetadata)))]
pub(super) async fn metadata(
    State(app): State<Arc<App>>,
    ApiPath(which): ApiPath<Which>,
) -> Result<Json<ModelMetadata>, ApiError> {
    let model = which.find(&app)?;
    let side = i64::from(model.artefact.recipe().side);
    let length = i64::try_from(model.embedding_len()).unwrap_or(i64::MAX);
    let tensor = |name, datatype, shape| TensorMetadata { name, datatype, shape };
    Ok(Json(ModelMetadata {
        name: which.model,
        versions: [VERSION],
        platform: PLATFORM,
        inputs: [tensor(PICTURES, "BYTES", vec![-1]), tensor(IMAGES, "FP32", vec![-1, 3, side, side])],
        outputs: [tensor(EMBEDDING, "FP32", vec![-1, length])],
    }))
}
