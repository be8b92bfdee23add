//! `POST /v1/classify/{name}` and `GET /v1/classifiers`: what a fitted probe says of a picture.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_eval::Probe;
use simclr_models::Embedding;

use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use super::source::Source;
use super::upload::{self, Content};
use crate::app::App;

/// Labels in an answer that does not ask for a number of them.
const TOP_K: usize = 5;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/classifiers", get(list)).route("/v1/classify/{name}", post(classify))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    top_k: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassifyBody {
    image: Option<Source>,
    images: Option<Vec<Source>>,
    top_k: Option<usize>,
}

#[derive(Serialize)]
struct ClassifyAnswer {
    classifier: String,
    model: String,
    space_key: String,
    predictions: Vec<Prediction>,
}

#[derive(Serialize)]
struct Prediction {
    index: usize,
    /// Most probable first.
    top: Vec<Label>,
}

#[derive(Serialize)]
struct Label {
    label: String,
    probability: f32,
}

#[derive(Serialize)]
struct ClassifierList {
    classifiers: Vec<Classifier>,
}

#[derive(Serialize)]
struct Classifier {
    name: String,
    data: String,
    classes: Vec<String>,
    penalty: f64,
    score: Option<f64>,
    space_key: String,
}

async fn list(State(app): State<Arc<App>>) -> Json<ClassifierList> {
    let describe = |probe: &Probe| Classifier {
        name: probe.name.clone(),
        data: probe.data.clone(),
        classes: probe.classes.clone(),
        penalty: probe.penalty,
        score: probe.score,
        space_key: probe.space_key.clone(),
    };
    Json(ClassifierList { classifiers: app.classifiers.all().map(describe).collect() })
}

async fn classify(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<Options>,
    request: Request,
) -> Result<Json<ClassifyAnswer>, ApiError> {
    let probe = app.classifiers.get(&name).ok_or_else(|| {
        ApiError::missing(
            "classifier_not_found",
            "there is no such classifier; GET /v1/classifiers lists them",
        )
    })?;
    let (uploads, in_body) = match upload::read(&app, request).await? {
        Content::Pictures(uploads, fields) => (uploads, number(fields.get("top_k"))?),
        Content::Json(bytes) => {
            let body: ClassifyBody = upload::json(&bytes)?;
            (upload::from_json(body.image, body.images)?, body.top_k)
        }
    };
    let top_k = in_body.or(options.top_k).unwrap_or(TOP_K);
    if top_k == 0 {
        return Err(ApiError::bad("invalid_top_k", "top_k must be at least 1").at("top_k"));
    }
    let embedded = upload::embed(&app, uploads).await?;
    let mut predictions = Vec::with_capacity(embedded.embeddings.len());
    for (index, embedding) in embedded.embeddings.iter().enumerate() {
        predictions.push(Prediction { index, top: most_probable(probe, embedding, top_k)? });
    }
    Ok(Json(ClassifyAnswer {
        classifier: name,
        model: app.artefact.name().to_owned(),
        space_key: app.artefact.space_key().to_owned(),
        predictions,
    }))
}

fn number(field: Option<&String>) -> Result<Option<usize>, ApiError> {
    let parse = |text: &String| {
        text.trim()
            .parse()
            .map_err(|_| ApiError::bad("invalid_top_k", "top_k must be a whole number").at("top_k"))
    };
    field.map(parse).transpose()
}

fn most_probable(probe: &Probe, embedding: &Embedding, count: usize) -> Result<Vec<Label>, ApiError> {
    // Lengths and space were compared when the probe was loaded.
    let probabilities = probe.predict(embedding.as_slice()).map_err(ApiError::ours)?;
    let mut labels: Vec<Label> = probe
        .classes
        .iter()
        .zip(probabilities)
        .map(|(label, probability)| Label { label: label.clone(), probability })
        .collect();
    labels.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    labels.truncate(count);
    Ok(labels)
}
