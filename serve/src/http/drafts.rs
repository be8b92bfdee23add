//! The records of an upsert, on their way from the body to the collection.
//!
//! In come a body and its options, out come [`Draft`]s, and of those, once their pictures are embedded, records.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use simclr_search::{Record, VectorCollection};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::models::model_of;
use super::source::Source;
use super::upload::{self, Content, Upload};
use crate::app::App;
use crate::embedder::OnError;

/// `?id=…&payload={…}` beside pictures that are not in JSON.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UpsertOptions {
    /// The record's id, for one picture; several take their files' names
    id: Option<String>,
    /// JSON to get back with the record
    payload: Option<String>,
}

/// Records to store.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpsertBody {
    records: Vec<RecordBody>,
}

/// A record to store: an id, a picture or a vector, and anything to get back with it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordBody {
    id: String,
    image: Option<Source>,
    vector: Option<Vec<f32>>,
    #[serde(default)]
    payload: Value,
}

/// A record of a request: complete, or waiting for its picture to be embedded.
pub(super) enum Draft {
    Complete(Record),
    Pictured { id: String, payload: Value, upload: Upload },
}

/// Understands an upsert's body, however it was sent.
pub(super) fn understand(content: Content, options: UpsertOptions) -> Result<Vec<Draft>, ApiError> {
    match content {
        Content::Json(bytes) => of_json(upload::json(&bytes)?),
        Content::Pictures(uploads, fields) => of_pictures(uploads, &fields, options),
    }
}

fn of_json(body: UpsertBody) -> Result<Vec<Draft>, ApiError> {
    let draft = |(index, record): (usize, RecordBody)| match (record.image, record.vector) {
        (Some(image), None) => {
            let upload = upload::upload_of(&image, format!("records[{index}].image"))?;
            Ok(Draft::Pictured { id: record.id, payload: record.payload, upload })
        }
        (None, Some(vector)) => {
            let place = || format!("records[{index}].vector");
            check_finite(&vector, place)?;
            Ok(Draft::Complete(Record { id: record.id, vector, payload: record.payload }))
        }
        _ => {
            let message = "a record has either `image`, a picture, or `vector`, its numbers";
            Err(ApiError::bad("invalid_record", message).at(format!("records[{index}]")))
        }
    };
    body.records.into_iter().enumerate().map(draft).collect()
}

/// A picture's id is the one given, or, when several come, the name its file has.
fn of_pictures(
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
        Some(id) => Ok(Draft::Pictured { id, payload: payload.clone(), upload }),
        None => Err(ApiError::bad("invalid_id", "the record needs an id: add ?id=…").at("id")),
    };
    uploads.into_iter().map(draft).collect()
}

/// Embeds all pictures of a request together and leaves the records in the order given.
pub(super) async fn embed(
    app: &App,
    collection: &dyn VectorCollection,
    drafts: Vec<Draft>,
) -> Result<Vec<Record>, ApiError> {
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
        let model = model_of(app, collection)?;
        upload::embed(app, &model, uploads, OnError::Fail).await?.embeddings.into_iter()
    };
    let complete = |draft| match draft {
        Draft::Complete(record) => Some(record),
        Draft::Pictured { id, payload, .. } => {
            embeddings.next().map(|embedding| Record { id, vector: embedding.into_vec(), payload })
        }
    };
    Ok(drafts.into_iter().filter_map(complete).collect())
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
