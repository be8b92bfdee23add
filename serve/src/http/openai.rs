//! `POST /v1/embeddings`: OpenAI's shape, with pictures where it has text, so that its clients work unchanged.
//!
//! Two dialects of the same are taken besides: `modality: "image"` and `{"image": …}` objects. Fields of OpenAI's that
//! mean nothing here are ignored; asking for something we cannot give is refused.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use simclr_models::Embedding;

use super::error::ApiError;
use super::source::Source;
use super::upload::{self, Upload};
use crate::app::App;
use crate::embedder::Embedded;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/embeddings", post(create))
}

#[derive(Deserialize)]
struct EmbeddingsBody {
    model: Option<String>,
    input: Input,
    #[serde(default)]
    encoding_format: EncodingFormat,
    dimensions: Option<usize>,
    modality: Option<String>,
}

/// One picture or several.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "input is a picture or a list of them, each a data URI, base64, or {\"image\": either}; \
                 this model embeds pictures, not text or tokens"
)]
enum Input {
    One(Source),
    Many(Vec<Source>),
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum EncodingFormat {
    #[default]
    Float,
    Base64,
}

#[derive(Serialize)]
struct EmbeddingsAnswer {
    object: &'static str,
    data: Vec<Item>,
    model: String,
    usage: Usage,
    space_key: String,
}

#[derive(Serialize)]
struct Item {
    object: &'static str,
    index: usize,
    embedding: Numbers,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Numbers {
    Float(Vec<f32>),
    /// Little-endian f32.
    Base64(String),
}

/// What a request used; pictures have no tokens, so clients that add those up add zeros.
#[derive(Serialize)]
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

async fn create(State(app): State<Arc<App>>, request: Request) -> Result<Json<EmbeddingsAnswer>, ApiError> {
    let body: EmbeddingsBody = upload::read_json(&app, request)
        .await?
        .ok_or_else(|| ApiError::bad("body_empty", "the body is empty: send JSON with `input`"))?;
    check_asked(&app, &body)?;
    let format = body.encoding_format;
    let embedded = upload::embed(&app, uploads(&body.input)?).await?;
    let usage = Usage::of(&embedded);
    let data = embedded.embeddings.into_iter().enumerate();
    let item =
        |(index, embedding)| Item { object: "embedding", index, embedding: numbers(embedding, format) };
    Ok(Json(EmbeddingsAnswer {
        object: "list",
        data: data.map(item).collect(),
        model: app.artefact.name().to_owned(),
        usage,
        space_key: app.artefact.space_key().to_owned(),
    }))
}

fn check_asked(app: &App, body: &EmbeddingsBody) -> Result<(), ApiError> {
    let name = app.artefact.name();
    if let Some(model) = &body.model
        && model != name
    {
        return Err(no_such_model(name).at("model"));
    }
    if let Some(modality) = &body.modality
        && modality != "image"
    {
        let message = "this model embeds pictures: the only modality is \"image\"";
        return Err(ApiError::bad("unsupported_modality", message).at("modality"));
    }
    let length = app.artefact.embedding_len();
    match body.dimensions {
        Some(dimensions) if dimensions != length => {
            let message = format!("this model's embeddings have {length} numbers and cannot be shortened");
            Err(ApiError::bad("unsupported_dimensions", message).at("dimensions"))
        }
        _ => Ok(()),
    }
}

/// The refusal of a model that is not loaded, naming the one that is.
pub(super) fn no_such_model(loaded: &str) -> ApiError {
    let message = format!("that model is not loaded here; the one that is: {loaded:?}");
    ApiError::new(StatusCode::NOT_FOUND, "model_not_found", message)
}

fn uploads(input: &Input) -> Result<Vec<Upload>, ApiError> {
    match input {
        Input::One(source) => Ok(vec![upload::upload_of(source, "input".to_owned())?]),
        Input::Many(sources) => {
            let place = |index| format!("input[{index}]");
            sources
                .iter()
                .enumerate()
                .map(|(index, source)| upload::upload_of(source, place(index)))
                .collect()
        }
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
