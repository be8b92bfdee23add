//! The records of an upsert, on their way from the body to the collection.
//!
//! In come a body and its options, out come [`Draft`]s, and of those, once their pictures are embedded, records.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use simclr_models::Embedding;
use simclr_search::{ContentHash, Record, VectorCollection};
use utoipa::{IntoParams, ToSchema};

use super::bounded::{self, Counted, Of};
use super::error::ApiError;
use super::models::model_of;
use super::source::Source;
use super::upload::{self, Content, Upload};
use crate::app::App;
use crate::embedder::{Input, OnError};
use crate::models::Served;

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
    #[serde(deserialize_with = "bounded::list")]
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
    /// SHA-256 of the picture's bytes in hexadecimal, for a vector; what a picture hashes to must be this if it is given
    #[schema(value_type = Option<String>)]
    content_sha256: Option<ContentHash>,
}

impl Counted for RecordBody {
    const OF: Of = Of::Records;
}

/// A record of a request: complete, or waiting for its picture to be embedded.
pub(super) enum Draft {
    Complete(Record),
    Pictured { id: String, payload: Value, upload: Upload, claimed: Option<ContentHash> },
}

/// Understands an upsert's body, however it was sent.
pub(super) async fn understand(app: &App, content: Content) -> Result<Vec<Draft>, ApiError> {
    match content {
        Content::Json(bytes) => of_json(upload::json(app, bytes).await?),
        Content::Pictures(uploads, fields) => of_pictures(uploads, fields.read()?),
    }
}

fn of_json(body: UpsertBody) -> Result<Vec<Draft>, ApiError> {
    let draft = |(index, record): (usize, RecordBody)| match (record.image, record.vector) {
        (Some(image), None) => {
            let upload = upload::upload_of(image, format!("records[{index}].image"));
            let (payload, claimed) = (record.payload, record.content_sha256);
            Ok(Draft::Pictured { id: record.id, payload, upload, claimed })
        }
        (None, Some(vector)) => {
            let place = || format!("records[{index}].vector");
            check_finite(&vector, place)?;
            let (payload, content) = (record.payload, record.content_sha256);
            Ok(Draft::Complete(Record { id: record.id, vector, payload, content }))
        }
        _ => {
            let message = "a record has either `image`, a picture, or `vector`, its numbers";
            Err(ApiError::bad("invalid_record", message).at(format!("records[{index}]")))
        }
    };
    body.records.into_iter().enumerate().map(draft).collect()
}

/// A picture's id is the one given, or, when several come, the name its file has.
fn of_pictures(uploads: Vec<Upload>, options: UpsertOptions) -> Result<Vec<Draft>, ApiError> {
    let UpsertOptions { id, payload } = options;
    if id.is_some() && uploads.len() > 1 {
        let message = "one id for several pictures: leave it out and their file names are taken";
        return Err(ApiError::bad("invalid_id", message).at("id"));
    }
    let payload = match payload {
        Some(text) => serde_json::from_str(&text).map_err(|error| {
            ApiError::bad("invalid_payload", format!("payload is not JSON: {error}")).at("payload")
        })?,
        None => Value::Null,
    };
    let draft = |upload: Upload| match id.clone().or_else(|| upload.file_name.clone()) {
        Some(id) => Ok(Draft::Pictured { id, payload: payload.clone(), upload, claimed: None }),
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
    let mut embedded = if uploads.is_empty() {
        Vec::new().into_iter()
    } else {
        let model = model_of(app, collection)?;
        hashed(app, &model, uploads).await?.into_iter()
    };
    let complete = |(index, draft)| match draft {
        Draft::Complete(record) => Ok(record),
        Draft::Pictured { id, payload, claimed, .. } => {
            let (embedding, content) =
                embedded.next().ok_or_else(|| ApiError::ours("an embedding is missing"))?;
            check_claim(claimed, content, index)?;
            Ok(Record { id, vector: embedding.into_vec(), payload, content })
        }
    };
    drafts.into_iter().enumerate().map(complete).collect()
}

/// Each picture's embedding, and what its bytes hash to.
async fn hashed(
    app: &App,
    model: &Served,
    uploads: Vec<Upload>,
) -> Result<Vec<(Embedding, Option<ContentHash>)>, ApiError> {
    let (inputs, places) = upload::fetched(app, uploads).await?;
    let bytes = |input: &Input| if let Input::Encoded(bytes) = input { Some(bytes.clone()) } else { None };
    let bytes: Vec<Option<Bytes>> = inputs.iter().map(bytes).collect();
    let embedded =
        upload::embed_inputs(app, model, inputs, |index| places[index].clone(), OnError::Fail).await?;
    // Some milliseconds where there are many pictures: not on a thread that serves requests.
    let hash = move |bytes: &Option<Bytes>| Some(ContentHash::of(bytes.as_ref()?));
    let contents = app.store(move |_| Ok(bytes.iter().map(hash).collect::<Vec<_>>())).await?;
    Ok(embedded.embeddings.into_iter().zip(contents).collect())
}

/// Refuses a picture that is not the one its sender means.
fn check_claim(
    claimed: Option<ContentHash>,
    found: Option<ContentHash>,
    index: usize,
) -> Result<(), ApiError> {
    match (claimed, found) {
        (Some(claimed), Some(found)) if claimed != found => {
            let message = format!("the picture's bytes hash to {found}: send those that hash to {claimed}");
            Err(ApiError::bad("content_mismatch", message).at(format!("records[{index}].content_sha256")))
        }
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
