//! `/v1/collections`: named sets of records, made, listed and deleted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_search::{Collection, CollectionConfig, SearchError};

use super::error::ApiError;
use super::extract::ApiPath;
use super::upload;
use crate::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/collections", get(list))
        .route("/v1/collections/{collection}", get(one).put(create).delete(delete))
}

/// What a new collection is to hold; left out, it holds this model's embeddings.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    dimension: Option<usize>,
    space_key: Option<String>,
}

#[derive(Serialize)]
struct CollectionList {
    collections: Vec<CollectionAnswer>,
    /// Those whose files could not be opened; the others go on without them.
    unusable: Vec<Unusable>,
}

#[derive(Serialize)]
struct Unusable {
    name: String,
    reason: String,
}

#[derive(Serialize)]
struct CollectionAnswer {
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

async fn list(State(app): State<Arc<App>>) -> Json<CollectionList> {
    let collections = app.collections().list();
    let problems = app.collections().problems().into_iter();
    Json(CollectionList {
        collections: collections.iter().map(|collection| CollectionAnswer::of(collection)).collect(),
        unusable: problems.map(|p| Unusable { name: p.name, reason: p.error.to_string() }).collect(),
    })
}

async fn one(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<CollectionAnswer>, ApiError> {
    Ok(Json(CollectionAnswer::of(&*app.collections().get(&name)?)))
}

async fn create(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    request: Request,
) -> Result<(StatusCode, Json<CollectionAnswer>), ApiError> {
    let body: CreateBody = upload::read_json(&app, request).await?.unwrap_or_default();
    let config = config_for(&app, body);
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
fn config_for(app: &App, body: CreateBody) -> CollectionConfig {
    let own = app.artefact.embedding_len();
    let dimension = body.dimension.unwrap_or(own);
    let default_key = if dimension == own { app.artefact.space_key() } else { "" };
    CollectionConfig { dimension, space_key: body.space_key.unwrap_or_else(|| default_key.to_owned()) }
}

async fn delete(State(app): State<Arc<App>>, ApiPath(name): ApiPath<String>) -> Result<StatusCode, ApiError> {
    app.store(move |collections| collections.delete(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
