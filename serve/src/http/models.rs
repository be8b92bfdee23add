//! `GET /v1/models` and `GET /v1/describe`: what is loaded, what it makes, what may be asked of it.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use simclr_models::{CardScore, Recipe};

use super::error::ApiError;
use super::extract::ApiPath;
use super::openai::no_such_model;
use crate::app::App;
use crate::config::Limits;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/models", get(list))
        .route("/v1/models/{name}", get(one))
        .route("/v1/describe", get(describe))
}

#[derive(Serialize)]
struct ModelList {
    object: &'static str,
    data: Vec<Model>,
}

/// OpenAI's four fields, then ours.
#[derive(Serialize)]
struct Model {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
    dimension: usize,
    space_key: String,
    licence: String,
    trained_on: String,
    scores: Vec<CardScore>,
}

#[derive(Serialize)]
struct Describe {
    model: String,
    space_key: String,
    dimension: usize,
    ready: bool,
    capabilities: [&'static str; 3],
    recipe: Recipe,
    limits: Limits,
    server: &'static str,
}

fn model(app: &App) -> Model {
    let card = app.artefact.card();
    Model {
        id: app.artefact.name().to_owned(),
        object: "model",
        created: app.started,
        owned_by: "simclr",
        dimension: app.artefact.embedding_len(),
        space_key: app.artefact.space_key().to_owned(),
        licence: card.licence.clone(),
        trained_on: card.training.data.clone(),
        scores: card.scores.clone(),
    }
}

async fn list(State(app): State<Arc<App>>) -> Json<ModelList> {
    Json(ModelList { object: "list", data: vec![model(&app)] })
}

async fn one(State(app): State<Arc<App>>, ApiPath(name): ApiPath<String>) -> Result<Json<Model>, ApiError> {
    let loaded = app.artefact.name();
    if name == loaded { Ok(Json(model(&app))) } else { Err(no_such_model(loaded)) }
}

async fn describe(State(app): State<Arc<App>>) -> Json<Describe> {
    Json(Describe {
        model: app.artefact.name().to_owned(),
        space_key: app.artefact.space_key().to_owned(),
        dimension: app.artefact.embedding_len(),
        ready: app.ready(),
        capabilities: ["embed", "classify", "search"],
        recipe: app.artefact.recipe().clone(),
        limits: app.config.limits,
        server: concat!("simclr-serve ", env!("CARGO_PKG_VERSION")),
    })
}
