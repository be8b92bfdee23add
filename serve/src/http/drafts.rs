//! The records of an upsert, on their way from the body to the collection.
//!
//! In come a body and its options, out come [`Draft`]s, which know what they are of and nothing of how it is embedded.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use simclr_search::ContentHash;
use utoipa::{IntoParams, ToSchema};

use super::bounded::{self, Counted, Of};
use super::error::ApiError;
use super::source::{Sent, Source};
use super::upload::{self, Content, Upload};
use crate::app::App;

/// `?id=…&payload={…}` beside pictures that are not in JSON.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UpsertOptions {
    /// The record's id, for one picture; several take their files' names
    id: Option<String>,
    /// JSON to get back with the record
    payload: Option<String>,
    /// Leave out records whose content the collection has already, or the request before them
    skip_duplicates: Option<bool>,
}

/// Records to store.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpsertBody {
    #[serde(deserialize_with = "bounded::list")]
    records: Vec<RecordBody>,
    /// Leave out records whose content the collection has already, or the request before them
    skip_duplicates: Option<bool>,
}

/// A record to store: an id, a picture or a vector, and anything to get back with it. Of one with both the vector is taken as it is
/// and the picture only kept.
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
    /// A small picture to keep of a vector's record, which says its `content_sha256`, where the collection keeps thumbnails
    thumbnail: Option<Source>,
}

impl Counted for RecordBody {
    const OF: Of = Of::Records;
}

/// The records of a request, and whether those that are there already are to be left out.
pub(super) struct Drafts {
    pub(super) drafts: Vec<Draft>,
    pub(super) skip_duplicates: bool,
}

/// A record of a request, whose picture is not yet fetched or looked at.
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) payload: Value,
    pub(super) upload: Option<Upload>,
    /// Its vector, where it is not to be made of the picture.
    pub(super) vector: Option<Vec<f32>>,
    /// What its sender says that the picture hashes to.
    pub(super) claimed: Option<ContentHash>,
    /// A small picture to keep.
    pub(super) thumbnail: Option<Bytes>,
}

impl Draft {
    /// Whether its vector is to be made of its picture.
    pub(super) fn embeds(&self) -> bool {
        self.vector.is_none()
    }
}

/// Understands an upsert's body, however it was sent; `options` are those of the query.
pub(super) async fn understand(
    app: &App,
    options: &UpsertOptions,
    content: Content,
) -> Result<Drafts, ApiError> {
    match content {
        Content::Json(bytes) => {
            let body: UpsertBody = upload::json(app, bytes).await?;
            let skip_duplicates = body.skip_duplicates.or(options.skip_duplicates).unwrap_or(false);
            Ok(Drafts { drafts: of_json(body.records)?, skip_duplicates })
        }
        Content::Pictures(uploads, fields) => of_pictures(uploads, fields.read()?),
    }
}

fn of_json(records: Vec<RecordBody>) -> Result<Vec<Draft>, ApiError> {
    let draft = |(index, record): (usize, RecordBody)| {
        let RecordBody { id, image, vector, payload, content_sha256: claimed, thumbnail } = record;
        if image.is_none() && vector.is_none() {
            let message = "a record has `image`, a picture, `vector`, its numbers, or both: then the picture is only kept";
            return Err(ApiError::bad("invalid_record", message).at(format!("records[{index}]")));
        }
        if let Some(vector) = &vector {
            check_finite(vector, || format!("records[{index}].vector"))?;
        }
        let thumbnail = thumbnail.map(|source| thumbnail_of(source, claimed, index)).transpose()?;
        let upload = image.map(|image| upload::upload_of(image, format!("records[{index}].image")));
        Ok(Draft { id, payload, upload, vector, claimed, thumbnail })
    };
    records.into_iter().enumerate().map(draft).collect()
}

/// A thumbnail's bytes; it belongs to a content, so that must be known.
fn thumbnail_of(source: Source, content: Option<ContentHash>, index: usize) -> Result<Bytes, ApiError> {
    let refuse =
        |message| Err(ApiError::bad("invalid_thumbnail", message).at(format!("records[{index}].thumbnail")));
    match (source.into_sent(), content) {
        (_, None) => refuse("say the `content_sha256` of the picture that it is a thumbnail of"),
        (Sent::Bytes(bytes), Some(_)) => Ok(bytes),
        (Sent::Address(_) | Sent::Unreadable(_), _) => refuse("send it as base64 or a data URI"),
    }
}

/// A picture's id is the one given, or, when several come, the name its file has.
fn of_pictures(uploads: Vec<Upload>, options: UpsertOptions) -> Result<Drafts, ApiError> {
    let UpsertOptions { id, payload, skip_duplicates } = options;
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
        Some(id) => {
            let (payload, upload) = (payload.clone(), Some(upload));
            Ok(Draft { id, payload, upload, vector: None, claimed: None, thumbnail: None })
        }
        None => Err(ApiError::bad("invalid_id", "the record needs an id: add ?id=…").at("id")),
    };
    let drafts = uploads.into_iter().map(draft).collect::<Result<_, _>>()?;
    Ok(Drafts { drafts, skip_duplicates: skip_duplicates.unwrap_or(false) })
}

/// Refuses a picture that is not the one its sender means.
pub(super) fn check_claim(
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
