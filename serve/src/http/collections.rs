//! `/v1/collections`: named sets of records, made, listed and deleted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_search::{
    CollectionConfig, Dtype, Keep, Problem, SearchError, Statistics, VectorCollection, VectorStore,
};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use super::models::asked;
use super::upload;
use crate::app::App;
use crate::stores::Choice;

/// Records whose neighbours one request may have looked for both ways.
const SAMPLE_MAX: usize = 1000;

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
    /// How numbers are stored: f32, as given, or f16, rounded to half the size [default: f32]
    #[schema(value_type = Option<String>, pattern = "^(f32|f16)$")]
    dtype: Option<Dtype>,
    /// What to keep of the records' pictures [default: nothing]
    keep: Option<KeepBody>,
}

/// What a collection is to keep of its records' pictures; what is left out is as it is there, or not kept.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeepBody {
    /// Small ones, which answers then name as `thumbnail_url`
    thumbnails: Option<bool>,
    /// The files as they came, which `simclr-serve reembed` embeds again by another encoder
    originals: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct KeepAnswer {
    thumbnails: bool,
    originals: bool,
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
    /// How numbers are stored, f32 or f16
    #[schema(value_type = String)]
    dtype: Dtype,
    keep: KeepAnswer,
    records: usize,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OneOptions {
    /// Measure the recall of so many records' ten nearest neighbours against exact search, 1 to 1000
    measure_recall: Option<usize>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CollectionDetails {
    #[serde(flatten)]
    collection: CollectionAnswer,
    /// How it is searched; null of a collection on a cluster, which does not tell
    statistics: Option<StatisticsAnswer>,
    /// Null unless `measure_recall` asked for it, and where there is nothing to compare with
    recall: Option<RecallAnswer>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct StatisticsAnswer {
    /// Files with a graph each; none while every search is exact
    segments: usize,
    /// Records in them, with those that are gone since
    sealed: usize,
    /// Of these, replaced or deleted since
    dead: usize,
    /// Records not sealed yet, which are compared exactly
    fresh: usize,
    /// Records that could not be found once a graph was made, and were made findable before anybody searched it
    orphans_repaired: usize,
    /// Bytes that walks read, for each sealed record; null where none is sealed
    walked_bytes_per_record: Option<f64>,
    /// Whether a segment is being made, or waits to be
    sealing: bool,
    /// What making the segments in use took
    build_seconds: f64,
    /// Why nothing is sealed although the collection is large enough
    problem: Option<String>,
    /// What was wrong with segments at the start; they are made again
    damage: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RecallAnswer {
    /// Records whose neighbours were looked for both ways
    sampled: usize,
    /// Share of their ten nearest others, by exact search, that a search finds
    recall: f64,
}

impl From<Statistics> for StatisticsAnswer {
    fn from(of: Statistics) -> Self {
        Self {
            segments: of.segments,
            sealed: of.sealed,
            dead: of.dead,
            fresh: of.fresh,
            orphans_repaired: of.repaired,
            walked_bytes_per_record: (of.sealed > 0).then(|| of.walked_bytes as f64 / of.sealed as f64),
            sealing: of.building,
            build_seconds: of.build_time.as_secs_f64(),
            problem: of.problem,
            damage: of.damage,
        }
    }
}

impl CollectionAnswer {
    fn of(collection: &dyn VectorCollection) -> Result<Self, SearchError> {
        let config = collection.config();
        let Keep { thumbnails, originals } = config.keep;
        Ok(Self {
            name: collection.name().to_owned(),
            dimension: config.dimension,
            space_key: config.space_key.clone(),
            dtype: config.dtype,
            keep: KeepAnswer { thumbnails, originals },
            records: collection.count()?,
        })
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

/// One collection, and how it is searched
#[utoipa::path(get, path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path), OneOptions), responses((status = 200, body = CollectionDetails)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<OneOptions>,
) -> Result<Json<CollectionDetails>, ApiError> {
    let sample = options.measure_recall;
    if let Some(found) = sample.filter(|sample| !(1..=SAMPLE_MAX).contains(sample)) {
        let message = format!("measure_recall must be between 1 and {SAMPLE_MAX}, not {found}");
        return Err(ApiError::bad("invalid_measure_recall", message).at("measure_recall"));
    }
    let look = move |store: &dyn VectorStore| {
        let collection = store.get(&name)?;
        let recall = sample.and_then(|sample| collection.recall(sample));
        Ok(CollectionDetails {
            collection: CollectionAnswer::of(&*collection)?,
            statistics: collection.statistics().map(StatisticsAnswer::from),
            recall: recall.map(|of| RecallAnswer { sampled: of.sampled, recall: of.recall }),
        })
    };
    Ok(Json(app.store(look).await?))
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
    let KeepBody { thumbnails, originals } = body.keep.unwrap_or_default();
    let choice = Choice { dtype: body.dtype, thumbnails, originals };
    let config = config_for(&app, body)?;
    let (status, answer) = app
        .store(move |collections| {
            let status = match collections.get(&name) {
                Err(SearchError::CollectionNotFound { .. }) => StatusCode::CREATED,
                _ => StatusCode::OK,
            };
            Ok((status, CollectionAnswer::of(&*choice.open(collections, &name, config)?)?))
        })
        .await?;
    Ok((status, Json(answer)))
}

/// Vectors of another length than the model's come from elsewhere, so they are in no space of ours.
fn config_for(app: &App, body: CreateBody) -> Result<CollectionConfig, ApiError> {
    if let (Some(dimension), Some(space_key)) = (body.dimension, &body.space_key) {
        return Ok(CollectionConfig::new(dimension, space_key.as_str()));
    }
    let model = asked(app, body.model.as_deref())?;
    let dimension = body.dimension.unwrap_or(model.embedding_len());
    let own = if dimension == model.embedding_len() { model.space_key() } else { "" };
    Ok(CollectionConfig::new(dimension, body.space_key.unwrap_or_else(|| own.to_owned())))
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
