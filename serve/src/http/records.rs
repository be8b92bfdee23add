//! `/v1/collections/{collection}/records`: what is in a collection, put in by picture or by vector.
//!
//! One request is one transaction: all its records are stored, synced, when it is answered, or none is.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use simclr_search::{Record, SearchError};

use super::drafts::{self, Draft, UpsertOptions};
use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use super::upload;
use crate::app::App;

/// Records on a page that does not say how many.
const PAGE: usize = 100;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/collections/{collection}/records", get(page).post(upsert))
        .route("/v1/collections/{collection}/records/{id}", get(one).delete(delete))
}

#[derive(Serialize)]
struct UpsertAnswer {
    inserted: usize,
    replaced: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageOptions {
    after: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    vectors: bool,
}

#[derive(Serialize)]
struct PageAnswer {
    records: Vec<RecordAnswer>,
    /// What to pass as `after` for the next page; null on the last.
    next: Option<String>,
}

#[derive(Serialize)]
struct RecordAnswer {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Vec<f32>>,
    payload: Value,
}

async fn upsert(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<UpsertOptions>,
    request: Request,
) -> Result<Json<UpsertAnswer>, ApiError> {
    // Before the body: whoever misspelt the name need not upload for it.
    let collection = app.collections().get(&name)?;
    let drafts = drafts::understand(upload::read(&app, request).await?, options)?;
    check_count(&app, drafts.len())?;
    if drafts.iter().any(|draft| matches!(draft, Draft::Pictured { .. })) {
        collection.require_space(app.artefact.space_key())?;
    }
    let records = drafts::embed(&app, drafts).await?;
    let upserted = app.store(move |_| collection.upsert(records)).await?;
    Ok(Json(UpsertAnswer { inserted: upserted.inserted, replaced: upserted.replaced }))
}

fn check_count(app: &App, records: usize) -> Result<(), ApiError> {
    let limit = app.config.limits.request_records_max;
    match records {
        0 => Err(ApiError::bad("no_record", "the request brings no record")),
        records if records > limit => {
            Err(ApiError::from(SearchError::TooManyInOneRequest { found: records, limit }))
        }
        _ => Ok(()),
    }
}

async fn one(
    State(app): State<Arc<App>>,
    ApiPath((name, id)): ApiPath<(String, String)>,
) -> Result<Json<RecordAnswer>, ApiError> {
    let record = find(&app, name, id).await?;
    Ok(Json(RecordAnswer { id: record.id, vector: Some(record.vector), payload: record.payload }))
}

/// The record, or the refusal that says it is not there.
pub(super) async fn find(app: &App, name: String, id: String) -> Result<Record, ApiError> {
    app.store(move |collections| collections.get(&name)?.get(&id)).await?.ok_or_else(no_such_record)
}

fn no_such_record() -> ApiError {
    ApiError::missing("record_not_found", "there is no record with that id in the collection")
}

async fn delete(
    State(app): State<Arc<App>>,
    ApiPath((name, id)): ApiPath<(String, String)>,
) -> Result<StatusCode, ApiError> {
    match app.store(move |collections| collections.get(&name)?.delete(&[id])).await? {
        0 => Err(no_such_record()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

async fn page(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<PageOptions>,
) -> Result<Json<PageAnswer>, ApiError> {
    let limit = options.limit.unwrap_or(PAGE.min(app.config.limits.request_records_max));
    let after = options.after;
    let records = app.store(move |collections| collections.get(&name)?.page(after.as_deref(), limit)).await?;
    let next = if records.len() < limit { None } else { records.last().map(|record| record.id.clone()) };
    let answer = |record: Record| RecordAnswer {
        id: record.id,
        vector: options.vectors.then_some(record.vector),
        payload: record.payload,
    };
    Ok(Json(PageAnswer { records: records.into_iter().map(answer).collect(), next }))
}
