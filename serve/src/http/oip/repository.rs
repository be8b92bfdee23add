//! The protocol's model repository and configuration: which models there are, loading and unloading them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{EMBEDDING, IMAGES, PICTURES, PLATFORM, VERSION, Which};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::ApiPath;
use crate::http::models::{load_by_name, no_such_model};
use crate::http::upload;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2/repository/index", post(index))
        .route("/v2/repository/models/{model}/load", post(load))
        .route("/v2/repository/models/{model}/unload", post(unload))
}

/// What the index is to list.
#[derive(Deserialize, Default, ToSchema)]
pub(in crate::http) struct IndexBody {
    /// Only models that are loaded
    #[serde(default)]
    ready: bool,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct IndexEntry {
    name: String,
    version: &'static str,
    /// `READY` or `UNAVAILABLE`
    state: &'static str,
    reason: &'static str,
}

/// All models, loaded or not
#[utoipa::path(post, path = "/v2/repository/index", tag = "open inference protocol",
    request_body = Option<IndexBody>, responses((status = 200, body = Vec<IndexEntry>)))]
pub(in crate::http) async fn index(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Vec<IndexEntry>>, ApiError> {
    let body: IndexBody = upload::read_json_of_any_kind(&app, request).await?.unwrap_or_default();
    let entry = |name: String, state, reason| IndexEntry { name, version: VERSION, state, reason };
    let loaded = app.models.all();
    let mut entries: Vec<IndexEntry> =
        loaded.iter().map(|served| entry(served.name().to_owned(), "READY", "")).collect();
    if !body.ready {
        let unloaded = app.models.unloaded().into_iter();
        entries.extend(unloaded.map(|name| entry(name, "UNAVAILABLE", "unloaded")));
    }
    Ok(Json(entries))
}

/// Load a model, or load it again
#[utoipa::path(post, path = "/v2/repository/models/{model}/load", tag = "open inference protocol",
    params(("model" = String, Path)), responses((status = 200)))]
pub(in crate::http) async fn load(
    State(app): State<Arc<App>>,
    ApiPath(which): ApiPath<Which>,
) -> Result<StatusCode, ApiError> {
    load_by_name(&app, which.model).await?;
    Ok(StatusCode::OK)
}

/// Unload a model
#[utoipa::path(post, path = "/v2/repository/models/{model}/unload", tag = "open inference protocol",
    params(("model" = String, Path)), responses((status = 200)))]
pub(in crate::http) async fn unload(
    State(app): State<Arc<App>>,
    ApiPath(which): ApiPath<Which>,
) -> Result<StatusCode, ApiError> {
    if app.models.unload(&which.model) { Ok(StatusCode::OK) } else { Err(no_such_model(&app)) }
}

/// A model's configuration, in Triton's words
#[utoipa::path(get, path = "/v2/models/{model}/config", tag = "open inference protocol",
    params(("model" = String, Path)), responses((status = 200, body = Object)))]
pub(in crate::http) async fn config(
    State(app): State<Arc<App>>,
    ApiPath(which): ApiPath<Which>,
) -> Result<Json<Value>, ApiError> {
    let model = which.find(&app)?;
    let side = model.artefact.recipe().side;
    let limits = app.config.limits;
    Ok(Json(json!({
        "name": model.name(),
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "max_batch_size": limits.request_pictures_max,
        "input": [
            {"name": PICTURES, "data_type": "TYPE_STRING", "dims": [1], "optional": true},
            {"name": IMAGES, "data_type": "TYPE_FP32", "dims": [3, side, side], "optional": true},
        ],
        "output": [{"name": EMBEDDING, "data_type": "TYPE_FP32", "dims": [model.embedding_len()]}],
        "dynamic_batching": {
            "preferred_batch_size": [limits.batch_pictures_max],
            "max_queue_delay_microseconds": app.config.batch_wait.as_micros() as u64,
        },
    })))
}
