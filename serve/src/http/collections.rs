//! `/v1/collections`: named sets of records, made, listed and deleted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_search::{Collection, CollectionConfig, SearchError};
use utoipa::ToSchema;

use super::error::ApiError;
use super::extract::ApiPath;
use super::models::asked;
use super::upload;
use crate::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/collections", get(list))
        .route("/v1/collections/{collection}", get(one).put(create).delete(delete))
}

/// What a new collection is to hold; left out, it holds this model's embeddings.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBody {
    dimension: Option<usize>,
    space_key: Option<String>,
    /// Whose embeddings it is to hold
    model: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CollectionList {
    collections: Vec<CollectionAnswer>,
    /// Those whose files could not be opened; the others go on without them.
    unusable: Vec<Unusable>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Unusable {
    name: String,
    reason: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CollectionAnswer {
    name: String,
    dimension: usize,
    space_key: String,
    records: usize,
}

impl CollectionAnswer {
    fn of(collection: &Collection) -> Self {
        let config = collection.config();
        Self {
            name: collection.name().to_owned(),
            dimension: config.dimension,
            space_key: config.space_key.clone(),
            records: collection.count(),
        }
    }
}

/// All collections
#[utoipa::path(get, path = "/v1/collections", tag = "collections", responses((status = 200, body = CollectionList)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<CollectionList> {
    let collections = app.collections().list();
    let problems = app.collections().problems().into_iter();
    Json(CollectionList {
        collections: collections.iter().map(|collection| CollectionAnswer::of(collection)).collect(),
        unusable: problems.map(|p| Unusable { name: p.name, reason: p.error.to_string() }).collect(),
    })
}

/// One collection
#[utoipa::path(get, path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path)), responses((status = 200, body = CollectionAnswer)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<CollectionAnswer>, ApiError> {
    Ok(Json(CollectionAnswer::of(&*app.collections().get(&name)?)))
}

/// Make a collection; one that is there already, and is the same, is left as it is
#[utoipa::path(put, path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path)), request_body = Option<CreateBody>,
    responses((status = 200, body = CollectionAnswer), (status = 201, body = CollectionAnswer)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    request: Request,
) -> Result<(StatusCode, Json<CollectionAnswer>), ApiError> {
    let body: CreateBody = upload::read_json(&app, request).await?.unwrap_or_default();
    let config = config_for(&app, body)?;
    let (status, collection) = app
        .store(move |collections| {
            let status = match collections.get(&name) {
                Err(SearchError::CollectionNotFound { .. }) => StatusCode::CREATED,
                _ => StatusCode::OK,
            };
            Ok((status, collections.create(&name, config)?))
        })
        .await?;
    Ok((status, Json(CollectionAnswer::of(&collection))))
}

/// Vectors of another length than the model's come from elsewhere, so they are in no space of ours.
fn config_for(app: &App, body: CreateBody) -> Result<CollectionConfig, ApiError> {
    if let (Some(dimension), Some(space_key)) = (body.dimension, &body.space_key) {
        return Ok(CollectionConfig { dimension, space_key: space_key.clone() });
    }
    let model = asked(app, body.model.as_deref())?;
    let dimension = body.dimension.unwrap_or(model.embedding_len());
    let own = if dimension == model.embedding_len() { model.space_key() } else { "" };
    Ok(CollectionConfig { dimension, space_key: body.space_key.unwrap_or_else(|| own.to_owned()) })
}

/// Delete a collection with its records
#[utoipa::path(delete, path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<StatusCode, ApiError> {
    app.store(move |collections| collections.delete(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
