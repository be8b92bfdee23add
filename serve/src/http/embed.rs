//! `POST /v1/embed`: pictures in any of three ways, embeddings as JSON, as `.npy` or as bare little-endian floats.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_models::Embedding;
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::extract::ApiQuery;
use super::models::asked;
use super::skipping::{Choice, Skipped};
use super::source::Source;
use super::upload::{self, Content};
use super::{bounded, npy, openai};
use crate::app::App;

/// The one output of an artefact here; `/v1/describe` says which layer it is.
pub(super) const OUTPUT: &str = "embedding";
/// The content type by which a client asks for bare little-endian f32, row after row.
const RAW: &str = "application/octet-stream";

/// What JSON says in fields, beside an answer that is bare numbers.
pub(super) const SPACE_KEY: &str = "x-space-key";
pub(super) const DIMENSION: &str = "x-dimension";
pub(super) const KEPT_INDICES: &str = "x-kept-indices";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/embed", post(embed))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EmbedOptions {
    /// Embeddings of length 1
    normalize: Option<bool>,
    /// What to answer with: one of the `outputs` of `/v1/describe`; left out, `embedding`
    output: Option<String>,
    /// Which model; left out, that of `--model` or the only one
    model: Option<String>,
    /// What a picture that cannot be used does: `fail` the request (the default) or be `skip`ped
    #[param(inline)]
    on_error: Option<Choice>,
}

/// Pictures in JSON: `image`, one, or `images`, several; options as in the query.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EmbedBody {
    image: Option<Source>,
    #[serde(default, deserialize_with = "bounded::optional")]
    images: Option<Vec<Source>>,
    normalize: Option<bool>,
    output: Option<String>,
    model: Option<String>,
    on_error: Option<Choice>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EmbedAnswer {
    model: String,
    space_key: String,
    dimension: usize,
    embeddings: Vec<Vec<f32>>,
    usage: openai::Usage,
    #[serde(flatten)]
    skipped: Option<Skipped>,
}

/// Embed pictures: a raw body is one picture, a form's files and JSON bring several
#[utoipa::path(post, path = "/v1/embed", tag = "embeddings", params(EmbedOptions),
    request_body(description = "A picture's bytes, a form with files, or JSON", content(
        (EmbedBody = "application/json"),
        (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, description = "By `accept`: JSON, .npy, or bare little-endian f32", content(
        (EmbedAnswer = "application/json"), (Vec<u8> = "application/x-npy"), (Vec<u8> = "application/octet-stream")))))]
pub(super) async fn embed(
    State(app): State<Arc<App>>,
    ApiQuery(mut options): ApiQuery<EmbedOptions>,
    request: Request,
) -> Result<Response, ApiError> {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wanted = [npy::CONTENT_TYPE, RAW].into_iter().find(|kind| accept.contains(kind));
    let uploads = match upload::read(&app, request).await? {
        Content::Pictures(uploads, fields) => {
            upload::check_count(&app, uploads.len())?;
            options = fields.read()?;
            uploads
        }
        Content::Json(bytes) => {
            let body: EmbedBody = upload::json(&app, bytes).await?;
            options.normalize = body.normalize.or(options.normalize);
            options.output = body.output.or(options.output);
            options.model = body.model.or(options.model);
            options.on_error = body.on_error.or(options.on_error);
            upload::from_json(body.image, body.images)?
        }
    };
    let model = asked(&app, options.model.as_deref())?;
    check_output(options.output.as_deref())?;
    let on_error = options.on_error.unwrap_or_default();
    let mut embedded = upload::embed(&app, &model, uploads, on_error.into()).await?;
    if options.normalize.unwrap_or(false) {
        embedded.embeddings = embedded.embeddings.iter().map(Embedding::normalised).collect();
    }
    let (dimension, space_key) = (model.embedding_len(), model.space_key().to_owned());
    if let Some(kind) = wanted {
        let rows = &embedded.embeddings;
        let body = if kind == RAW { npy::little_endian(rows) } else { npy::write(rows, dimension) };
        let kept: Vec<String> = embedded.kept.iter().map(usize::to_string).collect();
        let headers = [
            (CONTENT_TYPE.as_str(), kind.to_owned()),
            (SPACE_KEY, space_key),
            (DIMENSION, dimension.to_string()),
            (KEPT_INDICES, kept.join(",")),
        ];
        return Ok((headers, body).into_response());
    }
    let answer = EmbedAnswer {
        model: model.name().to_owned(),
        space_key,
        dimension,
        usage: openai::Usage::of(&embedded),
        skipped: on_error.tell(&embedded),
        embeddings: embedded.embeddings.into_iter().map(Embedding::into_vec).collect(),
    };
    Ok(Json(answer).into_response())
}

fn check_output(output: Option<&str>) -> Result<(), ApiError> {
    if output.is_none_or(|output| output == OUTPUT) {
        return Ok(());
    }
    let message =
        format!("a model here has one output, {OUTPUT:?}; POST /v1/classify gives classes and their scores");
    Err(ApiError::bad("unsupported_output", message).at("output"))
}
