//! `/v1/collections/{collection}/records`: what is in a collection, put in by picture or by vector.
//!
//! One request is one transaction: all its records are stored, synced, when it is answered, or none is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use simclr_search::{Record, SearchError};

use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use super::source::Source;
use super::upload::{self, Content, Upload};
use crate::app::App;

/// Records on a page that does not say how many.
const PAGE: usize = 100;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/collections/{collection}/records", get(page).post(upsert))
        .route(
            "/v1/collections/{collection}/records/{id}",
            get(one).delete(delete),
        )
}

/// `?id=…&payload={…}` beside pictures that are not in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpsertOptions {
    id: Option<String>,
    payload: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpsertBody {
    records: Vec<RecordBody>,
}

/// A record to store: an id, a picture or a vector, and anything to get back with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordBody {
    id: String,
    image: Option<Source>,
    vector: Option<Vec<f32>>,
    #[serde(default)]
    payload: Value,
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

/// A record of a request: complete, or waiting for its picture to be embedded.
enum Draft {
    Complete(Record),
    Pictured {
        id: String,
        payload: Value,
        upload: Upload,
    },
}

async fn upsert(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<UpsertOptions>,
    request: Request,
) -> Result<Json<UpsertAnswer>, ApiError> {
    // Before the body: whoever misspelt the name need not upload for it.
    let collection = app.collections().get(&name)?;
    let drafts = match upload::read(&app, request).await? {
        Content::Json(bytes) => drafts_of_json(upload::json(&bytes)?)?,
        Content::Pictures(uploads, fields) => drafts_of_pictures(uploads, &fields, options)?,
    };
    check_count(&app, drafts.len())?;
    if drafts.iter().any(|draft| matches!(draft, Draft::Pictured { .. })) {
        collection.require_space(app.artefact.space_key())?;
    }
    let records = embed_drafts(&app, drafts).await?;
    let upserted = app.store(move |_| collection.upsert(records)).await?;
    Ok(Json(UpsertAnswer {
        inserted: upserted.inserted,
        replaced: upserted.replaced,
    }))
}

fn drafts_of_json(body: UpsertBody) -> Result<Vec<Draft>, ApiError> {
    let draft = |(index, record): (usize, RecordBody)| match (record.image, record.vector) {
        (Some(image), None) => {
            let upload = upload::upload_of(&image, format!("records[{index}].image"))?;
            Ok(Draft::Pictured {
                id: record.id,
                payload: record.payload,
                upload,
            })
        }
        (None, Some(vector)) => {
            let place = || format!("records[{index}].vector");
            check_finite(&vector, place)?;
            Ok(Draft::Complete(Record {
                id: record.id,
                vector,
                payload: record.payload,
            }))
        }
        _ => {
            let message = "a record has either `image`, a picture, or `vector`, its numbers";
            Err(ApiError::bad("invalid_record", message).at(format!("records[{index}]")))
        }
    };
    body.records.into_iter().enumerate().map(draft).collect()
}

/// A picture's id is the one given, or, when several come, the name its file has.
fn drafts_of_pictures(
    uploads: Vec<Upload>,
    fields: &BTreeMap<String, String>,
    options: UpsertOptions,
) -> Result<Vec<Draft>, ApiError> {
    let id = options.id.or_else(|| fields.get("id").cloned());
    if id.is_some() && uploads.len() > 1 {
        let message = "one id for several pictures: leave it out and their file names are taken";
        return Err(ApiError::bad("invalid_id", message).at("id"));
    }
    let payload = match options.payload.as_ref().or_else(|| fields.get("payload")) {
        Some(text) => serde_json::from_str(text).map_err(|error| {
            ApiError::bad("invalid_payload", format!("payload is not JSON: {error}")).at("payload")
        })?,
        None => Value::Null,
    };
    let draft = |upload: Upload| match id.clone().or_else(|| upload.file_name.clone()) {
        Some(id) => Ok(Draft::Pictured {
            id,
            payload: payload.clone(),
            upload,
        }),
        None => Err(ApiError::bad("invalid_id", "the record needs an id: add ?id=…").at("id")),
    };
    uploads.into_iter().map(draft).collect()
}

fn check_count(app: &App, records: usize) -> Result<(), ApiError> {
    let limit = app.config.limits.request_records_max;
    match records {
        0 => Err(ApiError::bad("no_record", "the request brings no record")),
        records if records > limit => Err(ApiError::from(SearchError::TooManyInOneRequest {
            found: records,
            limit,
        })),
        _ => Ok(()),
    }
}

/// JSON has no word for infinity, but 1e39 is one in f32.
pub(super) fn check_finite(vector: &[f32], place: impl Fn() -> String) -> Result<(), ApiError> {
    match vector.iter().position(|number| !number.is_finite()) {
        Some(index) => {
            let message = format!("number {index} of the vector does not fit into 32 bits");
            Err(ApiError::bad("not_finite", message).at(place()))
        }
        None => Ok(()),
    }
}

/// Embeds all pictures of a request together and leaves the records in the order given.
async fn embed_drafts(app: &App, drafts: Vec<Draft>) -> Result<Vec<Record>, ApiError> {
    let uploads: Vec<Upload> = drafts
        .iter()
        .filter_map(|draft| match draft {
            Draft::Pictured { upload, .. } => Some(upload.clone()),
            Draft::Complete(_) => None,
        })
        .collect();
    let mut embeddings = if uploads.is_empty() {
        Vec::new().into_iter()
    } else {
        upload::embed(app, uploads).await?.embeddings.into_iter()
    };
    let complete = |draft| match draft {
        Draft::Complete(record) => Some(record),
        Draft::Pictured { id, payload, .. } => embeddings.next().map(|embedding| Record {
            id,
            vector: embedding.into_vec(),
            payload,
        }),
    };
    Ok(drafts.into_iter().filter_map(complete).collect())
}

async fn one(
    State(app): State<Arc<App>>,
    ApiPath((name, id)): ApiPath<(String, String)>,
) -> Result<Json<RecordAnswer>, ApiError> {
    let record = find(&app, name, id).await?;
    Ok(Json(RecordAnswer {
        id: record.id,
        vector: Some(record.vector),
        payload: record.payload,
    }))
}

/// The record, or the refusal that says it is not there.
pub(super) async fn find(app: &App, name: String, id: String) -> Result<Record, ApiError> {
    app.store(move |collections| collections.get(&name)?.get(&id))
        .await?
        .ok_or_else(no_such_record)
}

fn no_such_record() -> ApiError {
    ApiError::missing(
        "record_not_found",
        "there is no record with that id in the collection",
    )
}

async fn delete(
    State(app): State<Arc<App>>,
    ApiPath((name, id)): ApiPath<(String, String)>,
) -> Result<StatusCode, ApiError> {
    match app
        .store(move |collections| collections.get(&name)?.delete(&[id]))
        .await?
    {
        0 => Err(no_such_record()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

async fn page(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<PageOptions>,
) -> Result<Json<PageAnswer>, ApiError> {
    let limit = options
        .limit
        .unwrap_or(PAGE.min(app.config.limits.request_records_max));
    let after = options.after;
    let records = app
        .store(move |collections| collections.get(&name)?.page(after.as_deref(), limit))
        .await?;
    let next = if records.len() < limit {
        None
    } else {
        records.last().map(|record| record.id.clone())
    };
    let answer = |record: Record| RecordAnswer {
        id: record.id,
        vector: options.vectors.then_some(record.vector),
        payload: record.payload,
    };
    Ok(Json(PageAnswer {
        records: records.into_iter().map(answer).collect(),
        next,
    }))
}
