//! Request body → encoded pictures and options, whichever of three ways they were sent.
//!
//! A raw body is one picture; `multipart/form-data` brings several and options; JSON is left to the route, which
//! knows its shape. Reads within the limits on bytes, time and numbers, and decodes no picture.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use super::body::read_body;
use super::bounded::{self, Bounds, Of};
use super::error::ApiError;
use super::form::{self, Fields};
use super::source::{Sent, Source};
use super::timing;
use crate::app::App;
use crate::embedder::{Embedded, Input, OnError};
use crate::fetching::FetchError;
use crate::models::Served;
use crate::spans;

/// JSON of more bytes is read beside the request threads, which it would hold up.
const SHORT_BYTES: usize = 256 << 10;

/// One encoded picture and where in the request it is.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    /// `body`, `images[2]`, `part 1 (cat.jpg)`: what an error says in `param`.
    pub(crate) place: String,
    /// The name it was sent under.
    pub(crate) file_name: Option<String>,
    /// The encoded picture, or its address.
    pub(crate) sent: Sent,
}

/// A body, by the way it was sent.
pub(crate) enum Content {
    /// Pictures, with the options of the query and, if it was a form, of its text fields.
    Pictures(Vec<Upload>, Fields),
    /// JSON, not yet read.
    Json(Bytes),
}

/// Reads a request's body.
pub(crate) async fn read(app: &App, request: Request) -> Result<Content, ApiError> {
    let (parts, body) = request.into_parts();
    let kind = content_type(&parts.headers);
    let bytes = read_body(app, body).await?;
    if kind == "application/json" || kind.ends_with("+json") {
        return Ok(Content::Json(bytes));
    }
    let fields = Fields::of_query(parts.uri.query())?;
    if kind == "multipart/form-data" {
        let request = Request::from_parts(parts, Body::from(bytes));
        let (uploads, fields) = form::read(request, Bounds::from(&app.config.limits), fields).await?;
        return Ok(Content::Pictures(uploads, fields));
    }
    if bytes.is_empty() {
        let message = "the body is empty: send a picture, multipart/form-data, or JSON as application/json";
        return Err(ApiError::bad("body_empty", message));
    }
    // Whatever else it calls itself, curl's default included, the first bytes say what it is.
    let upload = Upload { place: "body".to_owned(), file_name: None, sent: Sent::Bytes(bytes) };
    Ok(Content::Pictures(vec![upload], fields))
}

/// Reads the body of a route that takes JSON alone; an empty one is nothing.
pub(crate) async fn read_json<T: DeserializeOwned + Send + 'static>(
    app: &App,
    request: Request,
) -> Result<Option<T>, ApiError> {
    let kind = content_type(request.headers());
    let bytes = read_body(app, request.into_body()).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if kind == "application/json" || kind.ends_with("+json") {
        return json(app, bytes).await.map(Some);
    }
    let message = "this route takes JSON: send it with content-type: application/json";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "json_expected", message))
}

/// Reads the body of a route whose clients do not always say that they send JSON; an empty one is nothing.
pub(crate) async fn read_json_of_any_kind<T: DeserializeOwned + Send + 'static>(
    app: &App,
    request: Request,
) -> Result<Option<T>, ApiError> {
    let bytes = read_body(app, request.into_body()).await?;
    if bytes.is_empty() { Ok(None) } else { json(app, bytes).await.map(Some) }
}

/// Reads JSON; an error says where it is and what was expected.
pub(crate) async fn json<T: DeserializeOwned + Send + 'static>(
    app: &App,
    bytes: Bytes,
) -> Result<T, ApiError> {
    let bounds = Bounds::from(&app.config.limits);
    if bytes.len() <= SHORT_BYTES {
        return bounded::within(bounds, || parse(&bytes));
    }
    let work = move || bounded::within(bounds, || parse(&bytes));
    app.aside(work).await.ok_or_else(|| ApiError::ours("reading JSON panicked"))?
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let refusal = ApiError::bad("invalid_json", format!("the JSON body: {}", error.inner()));
        if path == "." { refusal } else { refusal.at(path) }
    })?;
    reader.end().map_err(|error| ApiError::bad("invalid_json", format!("the JSON body: {error}")))?;
    Ok(value)
}

/// The pictures of a JSON body that has `image` or `images`.
pub(crate) fn from_json(image: Option<Source>, images: Option<Vec<Source>>) -> Result<Vec<Upload>, ApiError> {
    match (image, images) {
        (Some(image), None) => Ok(vec![upload_of(image, "image".to_owned())]),
        (None, Some(images)) => Ok(listed(images, "images")),
        _ => {
            Err(ApiError::bad("no_picture", "give either `image`, one picture, or `images`, a list of them"))
        }
    }
}

/// One picture of a JSON body.
pub(crate) fn upload_of(source: Source, place: String) -> Upload {
    Upload { place, file_name: None, sent: source.into_sent() }
}

/// The pictures of a list of that name.
pub(crate) fn listed(sources: Vec<Source>, name: &str) -> Vec<Upload> {
    let upload = |(index, source)| upload_of(source, format!("{name}[{index}]"));
    sources.into_iter().enumerate().map(upload).collect()
}

/// Embeds a request's pictures; an error says which of them it is about.
pub(crate) async fn embed(
    app: &App,
    model: &Served,
    uploads: Vec<Upload>,
    on_error: OnError,
) -> Result<Embedded, ApiError> {
    let (places, inputs): (Vec<String>, Vec<Input>) =
        uploads.into_iter().map(|upload| (upload.place, input(app, upload.sent))).unzip();
    embed_inputs(app, model, inputs, |index| places[index].clone(), on_error).await
}

/// A request's pictures with the bytes of those whose address was sent, for who has to see bytes, and where in the request each is.
pub(crate) async fn fetched(app: &App, uploads: Vec<Upload>) -> Result<(Vec<Input>, Vec<String>), ApiError> {
    check_count(app, uploads.len())?;
    let (places, sent): (Vec<String>, Vec<Sent>) =
        uploads.into_iter().map(|upload| (upload.place, upload.sent)).unzip();
    let bytes = async |sent| match input(app, sent) {
        Input::Elsewhere(fetcher, address) => {
            let fetching = fetcher.fetch(&address).instrument(spans::step!("fetch"));
            fetching.await.map_or_else(Input::Unfetched, |fetched| Input::Encoded(fetched.bytes))
        }
        other => other,
    };
    Ok((join_all(sent.into_iter().map(bytes)).await, places))
}

/// A picture's bytes or how to get them; why it has none is told in its place, as of a broken one.
fn input(app: &App, sent: Sent) -> Input {
    match (sent, &app.fetcher) {
        (Sent::Bytes(bytes), _) => Input::Encoded(bytes),
        (Sent::Unreadable(reason), _) => Input::Unreadable(reason),
        (Sent::Address(_), None) => Input::Unfetched(FetchError::Off),
        (Sent::Address(address), Some(fetcher)) => Input::Elsewhere(Arc::clone(fetcher), address),
    }
}

/// Refuses a request of no picture, or of too many.
pub(crate) fn check_count(app: &App, pictures: usize) -> Result<(), ApiError> {
    if pictures == 0 {
        return Err(ApiError::bad("no_picture", "the request brings no picture"));
    }
    Of::Pictures.check(Bounds::from(&app.config.limits), pictures)
}

/// Embeds a request's pictures, `place` saying where in the request each is.
pub(crate) async fn embed_inputs(
    app: &App,
    model: &Served,
    inputs: Vec<Input>,
    place: impl Fn(usize) -> String,
    on_error: OnError,
) -> Result<Embedded, ApiError> {
    check_count(app, inputs.len())?;
    let embedded = model.embedder.embed(inputs, on_error).await;
    let embedded = embedded.map_err(|error| ApiError::from_embed(&error, place))?;
    timing::tell(embedded.timing);
    Ok(embedded)
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
