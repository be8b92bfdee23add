//! `GET /v1/collections/{collection}/map`: a collection as points of a plane, near where their directions are alike.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use simclr_search::{SearchError, VectorCollection};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use super::collections::named;
use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use crate::app::App;
use crate::plane::{self, Plane};
use crate::sampling::evenly;

/// Points of an answer that does not ask for a number of them, and the most there are.
const POINTS: usize = 20_000;
const POINTS_MAX: usize = 100_000;
/// Numbers held while the plane is found, four bytes each.
const NUMBERS_MAX: usize = 1 << 25;

/// Bytes of a string that is told of a point; a longer one, such as a thumbnail, is nothing to colour by.
const TOLD_MAX: usize = 256;

/// One map is drawn at a time: each holds `NUMBERS_MAX` and a processor for seconds. A few may wait.
static ONE: Semaphore = Semaphore::const_new(1);
static WAITING: Semaphore = Semaphore::const_new(4);

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/collections/{collection}/map", get(map))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MapOptions {
    /// Points at most, 20,000 where it is left out and never more than 100,000; of more records every so-manieth is taken
    #[param(minimum = 1)]
    limit: Option<usize>,
    /// The payload's field to tell of each point, keys joined by dots
    field: Option<String>,
}

/// Points in columns: the n-th of each belong together.
#[derive(Serialize, ToSchema)]
pub(super) struct MapAnswer {
    collection: String,
    /// Records of the collection, of which there may be more than points
    records: usize,
    ids: Vec<String>,
    x: Vec<f32>,
    y: Vec<f32>,
    /// What the field asked for says; null where it is not there or a string of more than 256 bytes. Empty where none was asked for
    values: Vec<Value>,
    /// Share of all variance along x and along y
    explained: [f64; 2],
}

/// A collection in two dimensions: the principal components of its records' directions
#[utoipa::path(get, path = "/v1/collections/{collection}/map", tag = "collections",
    params(("collection" = String, Path), MapOptions), responses((status = 200, body = MapAnswer)))]
pub(super) async fn map(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<MapOptions>,
) -> Result<Json<MapAnswer>, ApiError> {
    let collection = named(&app, &name).await?;
    let limit = match options.limit {
        Some(0) => return Err(ApiError::bad("invalid_limit", "a map has at least one point").at("limit")),
        limit => limit.unwrap_or(POINTS).min(POINTS_MAX),
    };
    let page = app.config.limits.request_records_max;
    let _waiting = WAITING.try_acquire().map_err(|_| {
        ApiError::busy("busy", "several maps are being drawn; ask again", Duration::from_secs(2))
    })?;
    let turn = ONE.acquire().await.map_err(ApiError::ours)?;
    let answer = app.store(move |_| {
        let answer = draw(&*collection, name, limit, page, options.field.as_deref());
        // Not before: the work goes on when whoever asked has left.
        drop(turn);
        answer
    });
    Ok(Json(answer.await?))
}

fn draw(
    collection: &dyn VectorCollection,
    name: String,
    limit: usize,
    page: usize,
    field: Option<&str>,
) -> Result<MapAnswer, SearchError> {
    let dimension = collection.config().dimension;
    let limit = limit.min(NUMBERS_MAX / dimension);
    // Room for all at once, since growing would hold the numbers twice.
    let mut rows = Vec::with_capacity(limit.min(collection.count()?) * dimension);
    let (mut ids, mut values) = (Vec::new(), Vec::new());
    let records = evenly(collection, limit, page, |record| {
        rows.extend(direction(&record.vector));
        values.extend(field.map(|field| told(&record.payload, field)));
        ids.push(record.id);
    })?;
    let Plane { x, y, explained } = plane::project(&mut rows, dimension);
    Ok(MapAnswer { collection: name, records, ids, x, y, values, explained })
}

/// The vector at length 1, as searches compare it.
fn direction(vector: &[f32]) -> impl Iterator<Item = f32> {
    let length = vector.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt();
    vector.iter().map(move |&number| (f64::from(number) / length) as f32)
}

/// What a payload says in a field, where that is a plain value.
fn told(payload: &Value, field: &str) -> Value {
    let found = field.split('.').try_fold(payload, |value, key| value.get(key));
    let is_plain = |value: &&Value| match value {
        Value::Object(_) | Value::Array(_) => false,
        Value::String(text) => text.len() <= TOLD_MAX,
        _ => true,
    };
    found.filter(is_plain).cloned().unwrap_or_default()
}
