//! `POST /v1/embeddings`: OpenAI's shape, with pictures where it has text, so that its clients work unchanged.
//!
//! Two dialects of the same are taken besides: `modality: "image"` and `{"image": …}` objects. Fields of OpenAI's that
//! mean nothing here are ignored; asking for something we cannot give is refused.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use simclr_models::Embedding;
use utoipa::ToSchema;

use super::bounded;
use super::error::ApiError;
use super::models::asked;
use super::skipping::{Choice, Skipped};
use super::source::{Picture, Source};
use super::upload::{self, Upload};
use crate::app::App;
use crate::embedder::Embedded;
use crate::models::Served;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/embeddings", post(create))
}

/// OpenAI's body; fields of its that mean nothing here, such as `user`, are ignored.
#[derive(Deserialize, ToSchema)]
pub(super) struct EmbeddingsBody {
    model: Option<String>,
    input: Input,
    #[serde(default)]
    encoding_format: EncodingFormat,
    dimensions: Option<usize>,
    modality: Option<String>,
    #[serde(default)]
    on_error: Choice,
}

/// One picture or several.
#[derive(ToSchema)]
#[serde(untagged)]
pub(super) enum Input {
    One(Source),
    Many(Vec<Source>),
}

#[derive(Deserialize, Default, Clone, Copy, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum EncodingFormat {
    #[default]
    Float,
    Base64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EmbeddingsAnswer {
    object: &'static str,
    data: Vec<Item>,
    model: String,
    usage: Usage,
    space_key: String,
    #[serde(flatten)]
    skipped: Option<Skipped>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Item {
    object: &'static str,
    index: usize,
    embedding: Numbers,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Numbers {
    Float(Vec<f32>),
    /// Little-endian f32.
    Base64(String),
}

/// What a request used; pictures have no tokens, so clients that add those up add zeros.
#[derive(Serialize, ToSchema)]
pub(super) struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
    pictures: usize,
    pixels: u64,
}

impl Usage {
    pub(super) fn of(embedded: &Embedded) -> Self {
        Self {
            prompt_tokens: 0,
            total_tokens: 0,
            pictures: embedded.embeddings.len(),
            pixels: embedded.pixels,
        }
    }
}

/// Embed pictures, in OpenAI's shape
#[utoipa::path(post, path = "/v1/embeddings", tag = "embeddings", request_body = EmbeddingsBody,
    responses((status = 200, body = EmbeddingsAnswer)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<EmbeddingsAnswer>, ApiError> {
    let body: EmbeddingsBody = upload::read_json(&app, request)
        .await?
        .ok_or_else(|| ApiError::bad("body_empty", "the body is empty: send JSON with `input`"))?;
    let model = asked(&app, body.model.as_deref())?;
    check_asked(&model, &body)?;
    let format = body.encoding_format;
    let embedded = upload::embed(&app, &model, uploads(body.input), body.on_error.into()).await?;
    let (usage, skipped) = (Usage::of(&embedded), body.on_error.tell(&embedded));
    let item = |(index, embedding)| -> Result<Item, ApiError> {
        let embedding = numbers(shortened(embedding, body.dimensions)?, format);
        Ok(Item { object: "embedding", index, embedding })
    };
    let data = embedded.kept.into_iter().zip(embedded.embeddings).map(item);
    let data = data.collect::<Result<Vec<Item>, ApiError>>()?;
    Ok(Json(EmbeddingsAnswer {
        object: "list",
        data,
        model: model.name().to_owned(),
        usage,
        space_key: model.space_key().to_owned(),
        skipped,
    }))
}

fn check_asked(model: &Served, body: &EmbeddingsBody) -> Result<(), ApiError> {
    if let Some(modality) = &body.modality
        && modality != "image"
    {
        let message = "this model embeds pictures: the only modality is \"image\"";
        return Err(ApiError::bad("unsupported_modality", message).at("modality"));
    }
    let (length, shorter) = (model.embedding_len(), &model.artefact.card().shortened_to);
    match body.dimensions {
        Some(dimensions) if dimensions != length && !shorter.contains(&dimensions) => {
            let allowed = match &shorter[..] {
                [] => "cannot be shortened".to_owned(),
                some => format!("can be shortened to {some:?}"),
            };
            let message = format!("this model's embeddings have {length} numbers and {allowed}");
            Err(ApiError::bad("unsupported_dimensions", message).at("dimensions"))
        }
        _ => Ok(()),
    }
}

/// The first numbers, as long as 1 again; one that is not cut stays as it is.
fn shortened(embedding: Embedding, dimensions: Option<usize>) -> Result<Embedding, ApiError> {
    match dimensions.and_then(|n| embedding.as_slice().get(..n)) {
        Some(first) if first.len() < embedding.as_slice().len() => {
            Embedding::new(first.to_vec()).map(|first| first.normalised()).map_err(ApiError::ours)
        }
        _ => Ok(embedding),
    }
}

fn uploads(input: Input) -> Vec<Upload> {
    match input {
        Input::One(source) => vec![upload::upload_of(source, "input".to_owned())],
        Input::Many(sources) => upload::listed(sources, "input"),
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany)
    }
}

struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Picture.expecting(f)?;
        f.write_str(", or a list of pictures")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Input, E> {
        Picture.visit_str(text).map(Input::One)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Input, A::Error> {
        Picture.visit_map(map).map(Input::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Input, A::Error> {
        bounded::elements(list).map(Input::Many)
    }
}

fn numbers(embedding: Embedding, format: EncodingFormat) -> Numbers {
    match format {
        EncodingFormat::Float => Numbers::Float(embedding.into_vec()),
        EncodingFormat::Base64 => {
            let bytes: Vec<u8> =
                embedding.as_slice().iter().flat_map(|number| number.to_le_bytes()).collect();
            Numbers::Base64(STANDARD.encode(bytes))
        }
    }
}
