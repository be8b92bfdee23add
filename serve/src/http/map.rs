//! `GET /v1/collections/{collection}/map`: a collection as points of a plane, near where their directions are alike.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use simclr_search::{Record, SearchError, VectorCollection};
use utoipa::{IntoParams, ToSchema};

use super::collections::named;
use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use super::turns::Turns;
use crate::app::App;
use crate::map::{Kept, NUMBERS_MAX, POINTS_MAX, Plane, direction, project};
use crate::sampling::{each, evenly};

/// Points of an answer that does not ask for a number of them.
const POINTS: usize = 20_000;

/// Bytes of a string that is told of a point; a longer one, such as a thumbnail, is nothing to colour by.
const TOLD_MAX: usize = 256;

/// Each map holds `NUMBERS_MAX` while it is drawn.
static MAPS: Turns = Turns::new();

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
    /// What decides where points lie; `components` where it is left out
    #[param(inline)]
    arrangement: Option<Arrangement>,
}

/// What decides where points lie.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Arrangement {
    /// The two principal components, at once
    #[default]
    Components,
    /// Neighbours stay together: what a job arranged before, with `POST …/map/arrangement`
    Neighbours,
}

/// Points in columns: the n-th of each belong together.
#[derive(Serialize, ToSchema)]
pub(super) struct MapAnswer {
    collection: String,
    /// Records of the collection, of which there may be more than points
    records: usize,
    #[schema(inline)]
    arrangement: Arrangement,
    ids: Vec<String>,
    x: Vec<f32>,
    y: Vec<f32>,
    /// What the field asked for says; null where it is not there or a string of more than 256 bytes. Empty where none was asked for
    values: Vec<Value>,
    /// Share of all variance along x and along y, of components
    explained: Option<[f64; 2]>,
    /// Records that t-SNE arranged, of neighbours; the others were placed among them
    arranged: Option<usize>,
    /// Records that are not shown since they came later, of neighbours
    unplaced: Option<usize>,
}

/// A collection in two dimensions: the principal components of its records' directions, or what a job arranged
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
    let turn = MAPS.next().await?;
    let arrangements = Arc::clone(&app.arrangements);
    let answer = app.store(move |_| {
        let mut points = Points { field: options.field, ids: vec![], x: vec![], y: vec![], values: vec![] };
        let answer = match options.arrangement.unwrap_or_default() {
            Arrangement::Components => points.components(&*collection, limit, page).map(Some),
            Arrangement::Neighbours => match arrangements.kept(&name) {
                Some(kept) => points.neighbours(&*collection, &kept, limit, page),
                None => Ok(None),
            },
        };
        // Not before: the work goes on when whoever asked has left.
        drop(turn);
        Ok(answer?.map(|found| points.answer(name, found)))
    });
    answer.await?.map(Json).ok_or_else(|| {
        let message = "its records were not arranged by neighbours, or many have changed since; POST …/map/arrangement does it";
        ApiError::missing("not_arranged", message).at("arrangement")
    })
}

/// The columns, while they are filled.
struct Points {
    field: Option<String>,
    ids: Vec<String>,
    x: Vec<f32>,
    y: Vec<f32>,
    values: Vec<Value>,
}

/// What else is known of a map.
struct Found {
    records: usize,
    explained: Option<[f64; 2]>,
    arranged: Option<usize>,
    unplaced: Option<usize>,
}

impl Points {
    fn take(&mut self, record: Record) {
        self.values.extend(self.field.as_deref().map(|field| told(&record.payload, field)));
        self.ids.push(record.id);
    }

    fn components(
        &mut self,
        collection: &dyn VectorCollection,
        limit: usize,
        page: usize,
    ) -> Result<Found, SearchError> {
        let dimension = collection.config().dimension;
        let limit = limit.min(NUMBERS_MAX / dimension);
        // Room for all at once, since growing would hold the numbers twice.
        let mut rows = Vec::with_capacity(limit.min(collection.count()?) * dimension);
        let records = evenly(collection, limit, page, |record| {
            rows.extend(direction(&record.vector));
            self.take(record);
        })?;
        let Plane { x, y, explained } = project(&mut rows, dimension);
        (self.x, self.y) = (x, y);
        Ok(Found { records, explained: Some(explained), arranged: None, unplaced: None })
    }

    /// Nothing where what is kept is no longer of use.
    fn neighbours(
        &mut self,
        collection: &dyn VectorCollection,
        kept: &Kept,
        limit: usize,
        page: usize,
    ) -> Result<Option<Found>, SearchError> {
        let step = kept.placed.div_ceil(limit).max(1);
        let (mut records, mut placed) = (0, 0_usize);
        each(collection, page, |record| {
            records += 1;
            if let Some([x, y]) = kept.place(&record.vector) {
                if placed.is_multiple_of(step) && self.ids.len() < limit {
                    self.x.push(x);
                    self.y.push(y);
                    self.take(record);
                }
                placed += 1;
            }
            true
        })?;
        let (arranged, unplaced) = (Some(kept.arranged), Some(records - placed));
        let found = Found { records, explained: None, arranged, unplaced };
        Ok(kept.is_current(records, placed).then_some(found))
    }

    fn answer(self, collection: String, found: Found) -> MapAnswer {
        let Self { ids, x, y, values, .. } = self;
        let Found { records, explained, arranged, unplaced } = found;
        let arrangement = match explained {
            Some(_) => Arrangement::Components,
            None => Arrangement::Neighbours,
        };
        MapAnswer { collection, records, arrangement, ids, x, y, values, explained, arranged, unplaced }
    }
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
