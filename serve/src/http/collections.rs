//! `/v1/collections`: named sets of records, made, listed and deleted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_search::{CollectionConfig, Problem, SearchError, VectorCollection, VectorStore};
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
    fn of(collection: &dyn VectorCollection) -> Result<Self, SearchError> {
        let CollectionConfig { dimension, space_key } = collection.config().clone();
        Ok(Self { name: collection.name().to_owned(), dimension, space_key, records: collection.count()? })
    }
}

/// The collection of a name.
pub(super) async fn named(app: &App, name: &str) -> Result<Arc<dyn VectorCollection>, ApiError> {
    let name = name.to_owned();
    Ok(app.store(move |store| store.get(&name)).await?)
}

/// All collections
#[utoipa::path(get, path = "/v1/collections", tag = "collections", responses((status = 200, body = CollectionList)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<CollectionList>, ApiError> {
    let list = app.store(|store| {
        let collections = store.list()?;
        let unusable = |problem: Problem| Unusable { name: problem.name, reason: problem.error.to_string() };
        Ok(CollectionList {
            collections: collections.iter().map(|c| CollectionAnswer::of(&**c)).collect::<Result<_, _>>()?,
            unusable: store.problems().into_iter().map(unusable).collect(),
        })
    });
    Ok(Json(list.await?))
}

/// One collection
#[utoipa::path(get, path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path)), responses((status = 200, body = CollectionAnswer)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<CollectionAnswer>, ApiError> {
    Ok(Json(app.store(move |store| CollectionAnswer::of(&*store.get(&name)?)).await?))
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
    let (status, answer) = app
        .store(move |collections| {
            let status = match collections.get(&name) {
                Err(SearchError::CollectionNotFound { .. }) => StatusCode::CREATED,
                _ => StatusCode::OK,
            };
            Ok((status, CollectionAnswer::of(&*collections.create(&name, config)?)?))
        })
        .await?;
    Ok((status, Json(answer)))
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
    let arrangements = Arc::clone(&app.arrangements);
    let work = move |collections: &dyn VectorStore| {
        collections.delete(&name)?;
        // A running one first, then what an earlier one left; a file that stays behind fits no other records.
        for _ in 0..2 {
            let _ = arrangements.end(&name);
        }
        Ok(())
    };
    app.store(work).await?;
    Ok(StatusCode::NO_CONTENT)
}
