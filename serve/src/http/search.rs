//! `POST /v1/collections/{collection}/search`: the records nearest to a picture, a vector or a record, or to each of several.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::Value;
use simclr_search::Neighbour;
use utoipa::ToSchema;

use super::collections::named;
use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
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
    /// The others of the same picture or direction, a hundred at most; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    duplicates: Vec<String>,
}

impl From<Neighbour> for NeighbourAnswer {
    fn from(neighbour: Neighbour) -> Self {
        let Neighbour { id, score, payload, duplicates } = neighbour;
        Self { id, score, payload, duplicates }
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
    let mut results: Vec<Found> =
        nearest(&app, &collection, searches, several).await?.into_iter().map(Found::of).collect();
    let answer = match if several { None } else { results.pop() } {
        Some(found) => SearchAnswer::One { collection: name, found },
        None => SearchAnswer::Several { collection: name, results },
    };
    Ok(Json(answer))
}

impl Found {
    fn of(neighbours: Vec<Neighbour>) -> Self {
        Self { neighbours: neighbours.into_iter().map(Into::into).collect() }
    }
}
