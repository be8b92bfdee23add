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
use simclr_search::{Duplicate, Record, SearchError, Upserted};
use utoipa::{IntoParams, ToSchema};

use super::collections::named;
use super::drafts::{self, UpsertBody, UpsertOptions};
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

#[derive(Serialize, ToSchema)]
pub(super) struct UpsertAnswer {
    inserted: usize,
    replaced: usize,
    /// Records stored whose picture another record has too; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    duplicates: Vec<DuplicateAnswer>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DuplicateAnswer {
    id: String,
    /// The other record; of several, the one whose id comes first.
    of: String,
}

impl From<Upserted> for UpsertAnswer {
    fn from(upserted: Upserted) -> Self {
        let Upserted { inserted, replaced, duplicates } = upserted;
        let duplicates = duplicates.into_iter().map(|Duplicate { id, of }| DuplicateAnswer { id, of });
        Self { inserted, replaced, duplicates: duplicates.collect() }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageOptions {
    /// The last page's `next`
    after: Option<String>,
    /// Records on the page
    limit: Option<usize>,
    /// With their vectors
    vectors: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PageAnswer {
    records: Vec<RecordAnswer>,
    /// What to pass as `after` for the next page; null on the last.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RecordAnswer {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Vec<f32>>,
    payload: Value,
    /// SHA-256 of its picture's bytes, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_sha256: Option<String>,
}

impl RecordAnswer {
    fn of(record: Record, with_vector: bool) -> Self {
        let Record { id, vector, payload, content } = record;
        let content_sha256 = content.map(|content| content.to_string());
        Self { id, vector: with_vector.then_some(vector), payload, content_sha256 }
    }
}

/// Store records, by picture or by vector, all or none; durable when answered
#[utoipa::path(post, path = "/v1/collections/{collection}/records", tag = "collections",
    params(("collection" = String, Path), UpsertOptions),
    request_body(content((UpsertBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, body = UpsertAnswer)))]
pub(super) async fn upsert(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(_): ApiQuery<UpsertOptions>,
    request: Request,
) -> Result<Json<UpsertAnswer>, ApiError> {
    // Before the body: whoever misspelt the name need not upload for it.
    let collection = named(&app, &name).await?;
    let drafts = drafts::understand(&app, upload::read(&app, request).await?).await?;
    check_count(&app, drafts.len())?;
    let records = drafts::embed(&app, &*collection, drafts).await?;
    Ok(Json(app.store(move |_| collection.upsert(records)).await?.into()))
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

/// One record
#[utoipa::path(get, path = "/v1/collections/{collection}/records/{id}", tag = "collections",
    params(("collection" = String, Path), ("id" = String, Path)), responses((status = 200, body = RecordAnswer)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    ApiPath((name, id)): ApiPath<(String, String)>,
) -> Result<Json<RecordAnswer>, ApiError> {
    Ok(Json(RecordAnswer::of(find(&app, name, id).await?, true)))
}

/// The record, or the refusal that says it is not there.
pub(super) async fn find(app: &App, name: String, id: String) -> Result<Record, ApiError> {
    app.store(move |collections| collections.get(&name)?.get(&id)).await?.ok_or_else(no_such_record)
}

pub(super) fn no_such_record() -> ApiError {
    ApiError::missing("record_not_found", "there is no record with that id in the collection")
}

/// Delete a record
#[utoipa::path(delete, path = "/v1/collections/{collection}/records/{id}", tag = "collections",
    params(("collection" = String, Path), ("id" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    ApiPath((name, id)): ApiPath<(String, String)>,
) -> Result<StatusCode, ApiError> {
    match app.store(move |collections| collections.get(&name)?.delete(&[id])).await? {
        0 => Err(no_such_record()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// A page of records, by id
#[utoipa::path(get, path = "/v1/collections/{collection}/records", tag = "collections",
    params(("collection" = String, Path), PageOptions), responses((status = 200, body = PageAnswer)))]
pub(super) async fn page(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<PageOptions>,
) -> Result<Json<PageAnswer>, ApiError> {
    let limit = options.limit.unwrap_or(PAGE.min(app.config.limits.request_records_max));
    let after = options.after;
    let records = app.store(move |collections| collections.get(&name)?.page(after.as_deref(), limit)).await?;
    let next = if records.len() < limit { None } else { records.last().map(|record| record.id.clone()) };
    let answer = |record| RecordAnswer::of(record, options.vectors.unwrap_or(false));
    Ok(Json(PageAnswer { records: records.into_iter().map(answer).collect(), next }))
}
