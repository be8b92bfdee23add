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
use simclr_search::{Duplicate, Record, SearchError, Upserted, VectorCollection};
use utoipa::{IntoParams, ToSchema};

use super::collections::named;
use super::completing::{self, Completed};
use super::drafts::{self, UpsertBody, UpsertOptions};
use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use super::pictures::thumbnail_url;
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
    /// Records not stored, as `skip_duplicates` asks, because another, or this one itself, has their picture already; left out
    /// where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<DuplicateAnswer>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DuplicateAnswer {
    id: String,
    /// The other record; of several, the one whose id comes first.
    of: String,
}

impl UpsertAnswer {
    fn of(upserted: Upserted, skipped: Vec<Duplicate>) -> Self {
        let Upserted { inserted, replaced, duplicates } = upserted;
        let told = |duplicates: Vec<Duplicate>| {
            duplicates.into_iter().map(|Duplicate { id, of }| DuplicateAnswer { id, of }).collect()
        };
        Self { inserted, replaced, duplicates: told(duplicates), skipped: told(skipped) }
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
    /// Where a small picture of it is, where the collection keeps thumbnails.
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_url: Option<String>,
}

impl RecordAnswer {
    fn of(record: Record, collection: &dyn VectorCollection, with_vector: bool) -> Self {
        let Record { id, vector, payload, content } = record;
        let content_sha256 = content.map(|content| content.to_string());
        let thumbnail_url = thumbnail_url(collection, content);
        Self { id, vector: with_vector.then_some(vector), payload, content_sha256, thumbnail_url }
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
    ApiQuery(options): ApiQuery<UpsertOptions>,
    request: Request,
) -> Result<Json<UpsertAnswer>, ApiError> {
    // Before the body: whoever misspelt the name need not upload for it.
    let collection = named(&app, &name).await?;
    let drafts = drafts::understand(&app, &options, upload::read(&app, request).await?).await?;
    check_count(&app, drafts.drafts.len())?;
    let Completed { records, pictures, skipped } = completing::complete(&app, &collection, drafts).await?;
    let upserted = if records.is_empty() {
        Upserted::default()
    } else {
        app.store(move |_| collection.upsert_pictured(records, &pictures)).await?
    };
    Ok(Json(UpsertAnswer::of(upserted, skipped)))
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
    let collection = named(&app, &name).await?;
    let record = app
        .store({
            let collection = Arc::clone(&collection);
            move |_| collection.get(&id)
        })
        .await?;
    Ok(Json(RecordAnswer::of(record.ok_or_else(no_such_record)?, &*collection, true)))
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
    let (collection, after) = (named(&app, &name).await?, options.after);
    let records = app
        .store({
            let collection = Arc::clone(&collection);
            move |_| collection.page(after.as_deref(), limit)
        })
        .await?;
    let next = if records.len() < limit { None } else { records.last().map(|record| record.id.clone()) };
    let answer = |record| RecordAnswer::of(record, &*collection, options.vectors.unwrap_or(false));
    Ok(Json(PageAnswer { records: records.into_iter().map(answer).collect(), next }))
}
