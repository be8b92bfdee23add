//! `POST /v1/collections/{collection}/search`: the records nearest to a picture, a vector or a record.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use simclr_search::{Filter, Neighbour, Query, VectorCollection};
use utoipa::{IntoParams, ToSchema};

use super::collections::named;
use super::drafts::check_finite;
use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use super::models::model_of;
use super::records::find;
use super::source::Source;
use super::upload::{self, Content, Upload};
use crate::app::App;
use crate::embedder::OnError;

/// Neighbours in an answer that does not ask for a number of them.
const NEIGHBOURS: usize = 10;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/collections/{collection}/search", post(search))
}

/// `?limit=…&min_score=…&exact=true`, for a body that is a picture.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchOptions {
    /// Neighbours in the answer
    limit: Option<usize>,
    /// None below this cosine
    min_score: Option<f32>,
    /// Compare with every record
    exact: Option<bool>,
}

/// The JSON body: one of `image`, `vector` and `id`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchBody {
    image: Option<Source>,
    vector: Option<Vec<f32>>,
    id: Option<String>,
    limit: Option<usize>,
    min_score: Option<f32>,
    exact: Option<bool>,
    /// How many of the best to leave out before the first
    offset: Option<usize>,
    /// How many nodes a walk of the graph keeps: more find more, and take longer
    ef: Option<usize>,
    /// Only records whose payload fulfils this
    #[schema(value_type = Option<Object>)]
    filter: Option<Filter>,
    /// With payloads; true where it is left out
    with_payload: Option<bool>,
    /// Of records with the same picture or the same direction only the best, with the ids of the others
    group_duplicates: Option<bool>,
}

/// What a JSON body asks for beyond the options of the query.
struct Details {
    offset: usize,
    ef: Option<usize>,
    filter: Option<Filter>,
    with_payload: bool,
    distinct: bool,
}

/// What to be near to.
enum Target {
    Picture(Upload),
    Vector(Vec<f32>),
    /// A record of the collection; it is not its own neighbour.
    Record(String),
}

#[derive(Serialize, ToSchema)]
pub(super) struct SearchAnswer {
    collection: String,
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

/// The records nearest to a picture, a vector or a record
#[utoipa::path(post, path = "/v1/collections/{collection}/search", tag = "collections",
    params(("collection" = String, Path), SearchOptions),
    request_body(content((SearchBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, body = SearchAnswer)))]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(mut options): ApiQuery<SearchOptions>,
    request: Request,
) -> Result<Json<SearchAnswer>, ApiError> {
    let collection = named(&app, &name).await?;
    let mut details = Details { offset: 0, ef: None, filter: None, with_payload: true, distinct: false };
    let target = match upload::read(&app, request).await? {
        Content::Pictures(uploads, _) => target_of_pictures(uploads)?,
        Content::Json(bytes) => {
            let body: SearchBody = upload::json(&bytes)?;
            options.limit = body.limit.or(options.limit);
            options.min_score = body.min_score.or(options.min_score);
            options.exact = body.exact.or(options.exact);
            let (offset, with_payload) = (body.offset.unwrap_or(0), body.with_payload.unwrap_or(true));
            let distinct = body.group_duplicates.unwrap_or(false);
            details = Details { offset, ef: body.ef, filter: body.filter, with_payload, distinct };
            target_of_json(body.image, body.vector, body.id)?
        }
    };
    let neighbours = nearest(&app, collection, target, options, details).await?;
    Ok(Json(SearchAnswer { collection: name, neighbours: neighbours.into_iter().map(Into::into).collect() }))
}

fn target_of_pictures(mut uploads: Vec<Upload>) -> Result<Target, ApiError> {
    match (uploads.pop(), uploads.is_empty()) {
        (Some(upload), true) => Ok(Target::Picture(upload)),
        _ => Err(ApiError::bad("one_picture", "a search takes exactly one picture")),
    }
}

fn target_of_json(
    image: Option<Source>,
    vector: Option<Vec<f32>>,
    id: Option<String>,
) -> Result<Target, ApiError> {
    match (image, vector, id) {
        (Some(image), None, None) => Ok(Target::Picture(upload::upload_of(&image, "image".to_owned())?)),
        (None, Some(vector), None) => {
            check_finite(&vector, || "vector".to_owned())?;
            Ok(Target::Vector(vector))
        }
        (None, None, Some(id)) => Ok(Target::Record(id)),
        _ => {
            let message =
                "search by exactly one of `image`, a picture, `vector`, its numbers, or `id`, a record's";
            Err(ApiError::bad("invalid_query", message))
        }
    }
}

async fn nearest(
    app: &App,
    collection: Arc<dyn VectorCollection>,
    target: Target,
    options: SearchOptions,
    details: Details,
) -> Result<Vec<Neighbour>, ApiError> {
    let limit = options.limit.unwrap_or(NEIGHBOURS);
    let (vector, itself) = match target {
        Target::Vector(vector) => (vector, None),
        Target::Record(id) => (find(app, collection.name().to_owned(), id.clone()).await?.vector, Some(id)),
        Target::Picture(upload) => {
            let model = model_of(app, &*collection)?;
            let embedded = upload::embed(app, &model, vec![upload], OnError::Fail).await?;
            let embedding = embedded.embeddings.into_iter().next();
            let embedding = embedding.ok_or_else(|| ApiError::ours("an embedding is missing"))?;
            (embedding.into_vec(), None)
        }
    };
    // One more, as the record itself is left out; at the largest limit allowed there is no one more to ask for.
    let more = usize::from(itself.is_some() && limit > 0 && limit < app.config.limits.request_records_max);
    let (exact, min_score) = (options.exact.unwrap_or(false), options.min_score);
    let Details { offset, ef, filter, with_payload, distinct } = details;
    // The record itself is among the best: those to leave out are counted once it is gone.
    let later = if itself.is_some() { offset } else { 0 };
    let (asked, offset) = (limit.saturating_add(more).saturating_add(later), offset - later);
    let query = Query { vector, limit: asked, offset, exact, min_score, ef, filter, distinct, with_payload };
    let mut neighbours = app.store(move |_| collection.search(&query)).await?;
    if let Some(itself) = &itself {
        neighbours.retain(|neighbour| neighbour.id != *itself && !neighbour.duplicates.contains(itself));
    }
    Ok(neighbours.into_iter().skip(later).take(limit).collect())
}
