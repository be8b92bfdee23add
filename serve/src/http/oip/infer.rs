//! `POST /v2/models/{model}/infer`: tensors in, the tensor `embedding` out, each as JSON or as binary behind the JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tensors::{InputTensor, TensorParameters};
use super::{EMBEDDING, VERSION, Which};
use crate::app::App;
use crate::embedder::OnError;
use crate::http::body::read_body;
use crate::http::bounded::Bounds;
use crate::http::error::ApiError;
use crate::http::extract::ApiPath;
use crate::http::{npy, upload};
use crate::models::Served;
use simclr_models::Embedding;

/// How long the JSON is, where binary tensors follow it.
pub(in crate::http) const JSON_LENGTH: &str = "inference-header-content-length";

#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct InferBody {
    id: Option<String>,
    #[serde(default)]
    parameters: InferParameters,
    /// Exactly one: `pictures` or `images`
    inputs: Vec<InputTensor>,
    outputs: Option<Vec<OutputAsked>>,
}

#[derive(Deserialize, Default, ToSchema)]
pub(in crate::http) struct InferParameters {
    /// Outputs as binary where they do not say themselves
    #[serde(default)]
    binary_data_output: bool,
}

#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct OutputAsked {
    name: String,
    #[serde(default)]
    parameters: OutputParameters,
}

#[derive(Deserialize, Default, ToSchema)]
pub(in crate::http) struct OutputParameters {
    binary_data: Option<bool>,
    classification: Option<usize>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct InferAnswer {
    model_name: String,
    model_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    parameters: AnswerParameters,
    outputs: [OutputTensor; 1],
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AnswerParameters {
    space_key: String,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OutputTensor {
    name: &'static str,
    datatype: &'static str,
    shape: [usize; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<TensorParameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<f32>>,
}

/// Embed the pictures of a tensor
#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "open inference protocol",
    params(("model" = String, Path)), request_body = InferBody, responses((status = 200, body = InferAnswer)))]
pub(in crate::http) async fn infer(
    State(app): State<Arc<App>>,
    ApiPath(which): ApiPath<Which>,
    request: Request,
) -> Result<Response, ApiError> {
    let model = which.find(&app)?;
    let json_length = json_length(request.headers())?;
    let mut json = read_body(&app, request.into_body()).await?;
    let mut binary = match json_length {
        Some(length) if length > json.len() => {
            let message = format!("{JSON_LENGTH} says {length}, but the body has {} bytes", json.len());
            return Err(ApiError::bad("binary_too_short", message));
        }
        Some(length) => json.split_off(length),
        None => Bytes::new(),
    };
    let body: InferBody = upload::json(&app, json).await?;
    let as_binary = wants_binary(&body)?;
    let Ok([input]) = <[InputTensor; 1]>::try_from(body.inputs) else {
        return Err(ApiError::bad("one_input", "an inference takes exactly one input tensor").at("inputs"));
    };
    let bounds = Bounds::from(&app.config.limits);
    let inputs = input.pictures(model.artefact.recipe().side as usize, bounds, &mut binary)?;
    if !binary.is_empty() {
        let message = format!("{} bytes behind the JSON belong to no tensor", binary.len());
        return Err(ApiError::bad("binary_too_long", message));
    }
    let place = |index| format!("inputs[0] element {index}");
    let embedded = upload::embed_inputs(&app, &model, inputs, place, OnError::Fail).await?;
    Ok(answer(&model, body.id, &embedded.embeddings, as_binary))
}

fn json_length(headers: &HeaderMap) -> Result<Option<usize>, ApiError> {
    let parse = |value: &axum::http::HeaderValue| value.to_str().ok()?.trim().parse().ok();
    match headers.get(JSON_LENGTH) {
        None => Ok(None),
        Some(value) => parse(value)
            .map(Some)
            .ok_or_else(|| ApiError::bad("invalid_header", format!("{JSON_LENGTH} is a whole number"))),
    }
}

fn wants_binary(body: &InferBody) -> Result<bool, ApiError> {
    let Some(output) = body.outputs.as_ref().and_then(|outputs| outputs.first()) else {
        return Ok(body.parameters.binary_data_output);
    };
    let known = body.outputs.iter().flatten().all(|output| output.name == EMBEDDING);
    if !known || body.outputs.as_ref().is_some_and(|outputs| outputs.len() > 1) {
        let message = format!("a model here gives one output, {EMBEDDING:?}");
        return Err(ApiError::bad("unknown_tensor", message).at("outputs"));
    }
    if output.parameters.classification.is_some_and(|count| count > 0) {
        let message = "an embedding has no classes: POST /v1/classify names them";
        return Err(ApiError::bad("unsupported_parameter", message).at("outputs"));
    }
    Ok(output.parameters.binary_data.unwrap_or(body.parameters.binary_data_output))
}

fn answer(model: &Served, id: Option<String>, rows: &[Embedding], as_binary: bool) -> Response {
    let bytes = npy::little_endian(rows);
    let output = OutputTensor {
        name: EMBEDDING,
        datatype: "FP32",
        shape: [rows.len(), model.embedding_len()],
        parameters: as_binary.then_some(TensorParameters { binary_data_size: Some(bytes.len()) }),
        data: (!as_binary).then(|| rows.iter().flat_map(Embedding::as_slice).copied().collect()),
    };
    let answer = InferAnswer {
        model_name: model.name().to_owned(),
        model_version: VERSION,
        id,
        parameters: AnswerParameters { space_key: model.space_key().to_owned() },
        outputs: [output],
    };
    if !as_binary {
        return Json(answer).into_response();
    }
    match serde_json::to_vec(&answer) {
        Ok(mut body) => {
            let length = body.len().to_string();
            body.extend(bytes);
            let headers =
                [(CONTENT_TYPE.as_str(), "application/octet-stream".to_owned()), (JSON_LENGTH, length)];
            (headers, body).into_response()
        }
        Err(error) => ApiError::ours(error).into_response(),
    }
}
