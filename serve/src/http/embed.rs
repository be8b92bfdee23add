//! `POST /v1/embed`: pictures in any of three ways, embeddings as JSON or as `.npy`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_models::Embedding;

use super::error::ApiError;
use super::extract::ApiQuery;
use super::source::Source;
use super::upload::{self, Content};
use super::{npy, openai};
use crate::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/embed", post(embed))
}

/// `?normalize=true`: embeddings of length 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    normalize: bool,
}

/// The JSON body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmbedBody {
    image: Option<Source>,
    images: Option<Vec<Source>>,
    #[serde(default)]
    normalize: bool,
}

/// The JSON answer.
#[derive(Serialize)]
struct EmbedAnswer {
    model: String,
    space_key: String,
    dimension: usize,
    embeddings: Vec<Vec<f32>>,
    usage: openai::Usage,
}

async fn embed(
    State(app): State<Arc<App>>,
    ApiQuery(mut options): ApiQuery<Options>,
    request: Request,
) -> Result<Response, ApiError> {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let as_npy = accept.contains(npy::CONTENT_TYPE);
    let uploads = match upload::read(&app, request).await? {
        Content::Pictures(uploads, _) => uploads,
        Content::Json(bytes) => {
            let body: EmbedBody = upload::json(&bytes)?;
            options.normalize |= body.normalize;
            upload::from_json(body.image, body.images)?
        }
    };
    let embedded = upload::embed(&app, uploads).await?;
    let usage = openai::Usage::of(&embedded);
    let mut embeddings = embedded.embeddings;
    if options.normalize {
        embeddings = embeddings.iter().map(Embedding::normalised).collect();
    }
    let dimension = app.artefact.embedding_len();
    if as_npy {
        let file = npy::write(&embeddings, dimension);
        let space_key = app.artefact.space_key().to_owned();
        return Ok((
            [(CONTENT_TYPE.as_str(), npy::CONTENT_TYPE.to_owned()), ("x-space-key", space_key)],
            file,
        )
            .into_response());
    }
    let answer = EmbedAnswer {
        model: app.artefact.name().to_owned(),
        space_key: app.artefact.space_key().to_owned(),
        dimension,
        embeddings: embeddings.into_iter().map(Embedding::into_vec).collect(),
        usage,
    };
    Ok(Json(answer).into_response())
}
