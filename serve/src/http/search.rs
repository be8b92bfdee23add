//! `POST /v1/collections/{collection}/search`: the records nearest to a picture, a vector or a record, or to each of several.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::Value;
use simclr_search::{Neighbour, VectorCollection};
use utoipa::ToSchema;

use super::collections::named;
use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use super::pictures::thumbnail_url;
use super::queries::nearest;
use super::searches::{self, SearchOptions, SearchRequest};
use crate::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/collections/{collection}/search", post(search))
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum SearchAnswer {
    One {
        collection: String,
        #[serde(flatten)]
        found: Found,
    },
    Several {
        collection: String,
        /// One a search, in their order.
        results: Vec<Found>,
    },
}

#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    /// Best first.
    neighbours: Vec<NeighbourAnswer>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NeighbourAnswer {
    id: String,
    /// Cosine of the angle, from -1 to 1.
    score: f32,
    payload: Value,
    /// SHA-256 of its picture's bytes, where that is known; left out without payloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_sha256: Option<String>,
    /// Where a small picture of it is, where the collection keeps thumbnails.
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_url: Option<String>,
    /// The others of the same picture or direction, a hundred at most; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    duplicates: Vec<String>,
}

impl NeighbourAnswer {
    fn of(neighbour: Neighbour, collection: &dyn VectorCollection) -> Self {
        let Neighbour { id, score, payload, content, duplicates } = neighbour;
        let content_sha256 = content.map(|content| content.to_string());
        Self {
            id,
            score,
            payload,
            content_sha256,
            thumbnail_url: thumbnail_url(collection, content),
            duplicates,
        }
    }
}

/// The records nearest to a picture, a vector or a record, or to each of several
#[utoipa::path(post, path = "/v1/collections/{collection}/search", tag = "collections",
    params(("collection" = String, Path), SearchOptions),
    request_body(content((SearchRequest = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, body = SearchAnswer)))]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<SearchOptions>,
    request: Request,
) -> Result<Json<SearchAnswer>, ApiError> {
    let collection = named(&app, &name).await?;
    let (searches, several) = searches::read(&app, options, request).await?;
    let results = nearest(&app, &collection, searches, several).await?.into_iter();
    let mut results: Vec<Found> = results.map(|found| Found::of(found, &*collection)).collect();
    let answer = match if several { None } else { results.pop() } {
        Some(found) => SearchAnswer::One { collection: name, found },
        None => SearchAnswer::Several { collection: name, results },
    };
    Ok(Json(answer))
}

impl Found {
    fn of(neighbours: Vec<Neighbour>, collection: &dyn VectorCollection) -> Self {
        let answer = |neighbour| NeighbourAnswer::of(neighbour, collection);
        Self { neighbours: neighbours.into_iter().map(answer).collect() }
    }
}
