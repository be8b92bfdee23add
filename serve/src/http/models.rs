//! `/v1/models` and `GET /v1/describe`: what is loaded, what it makes, what may be asked of it; loading and unloading.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_models::{Card, CardScore, HeadLayers, Recipe};
use simclr_search::{SearchError, VectorCollection};
use utoipa::{IntoParams, ToSchema};

use super::embed::OUTPUT;
use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use crate::app::App;
use crate::config::Limits;
use crate::models::{ModelError, Parallel, Served};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/models", get(list))
        .route("/v1/models/{name}", get(one).put(load).delete(unload))
        .route("/v1/describe", get(describe))
}

#[derive(Serialize, ToSchema)]
pub(super) struct ModelList {
    object: &'static str,
    data: Vec<Model>,
}

/// OpenAI's four fields, then ours.
#[derive(Serialize, ToSchema)]
pub(super) struct Model {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
    dimension: usize,
    space_key: String,
    licence: String,
    trained_on: String,
    #[schema(value_type = Vec<Object>)]
    scores: Vec<CardScore>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DescribeOptions {
    /// Which model; left out, that of `--model` or the only one
    model: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Describe {
    model: String,
    /// Names the space of the embeddings: a hash of weights and recipe
    space_key: String,
    dimension: usize,
    /// What `output` of `/v1/embed` may name
    outputs: [Output; 1],
    /// What `dimensions` of `/v1/embeddings` may be besides `dimension`
    shortened_to: Vec<usize>,
    ready: bool,
    /// Names of all models that are loaded
    models: Vec<String>,
    capabilities: [&'static str; 3],
    /// How pictures are prepared
    #[schema(value_type = Object)]
    recipe: Recipe,
    #[schema(value_type = Object)]
    limits: Limits,
    /// Sessions and threads of each model, and what was measured where the server chose them
    parallel: Option<Parallel>,
    server: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Output {
    name: &'static str,
    /// Which layer of the network it is
    layer: String,
}

/// An artefact's one output, as its card says it.
fn output(card: &Card) -> Output {
    let layer = match card.output {
        None => "h, the encoder's output before any projection head".to_owned(),
        Some(HeadLayers { layers, head }) => {
            format!("layer {layers} of the projection head's {}", head.layers)
        }
    };
    Output { name: OUTPUT, layer }
}

fn model(served: &Served) -> Model {
    let card = served.artefact.card();
    Model {
        id: served.name().to_owned(),
        object: "model",
        created: served.loaded,
        owned_by: "simclr",
        dimension: served.embedding_len(),
        space_key: served.space_key().to_owned(),
        licence: card.licence.clone(),
        trained_on: card.training.data.clone(),
        scores: card.scores.clone(),
    }
}

/// The models that are loaded
#[utoipa::path(get, path = "/v1/models", tag = "models", responses((status = 200, body = ModelList)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<ModelList> {
    let models = app.models.all();
    Json(ModelList { object: "list", data: models.iter().map(|served| model(served)).collect() })
}

/// One model
#[utoipa::path(get, path = "/v1/models/{name}", tag = "models", params(("name" = String, Path)),
    responses((status = 200, body = Model)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<Model>, ApiError> {
    Ok(Json(model(&*asked(&app, Some(&name))?)))
}

/// Load a model, or load it again from its folder: checked and warmed beside the old one, then put in its place
#[utoipa::path(put, path = "/v1/models/{name}", tag = "models", params(("name" = String, Path)),
    responses((status = 200, body = Model), (status = 201, body = Model)))]
pub(super) async fn load(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<(StatusCode, Json<Model>), ApiError> {
    let (served, again) = load_by_name(&app, name).await?;
    let status = if again { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(model(&served))))
}

/// Unload a model; requests that hold it finish with it
#[utoipa::path(delete, path = "/v1/models/{name}", tag = "models", params(("name" = String, Path)),
    responses((status = 204)))]
pub(super) async fn unload(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<StatusCode, ApiError> {
    if app.models.unload(&name) { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_model(&app)) }
}

/// What is served, within which limits
#[utoipa::path(get, path = "/v1/describe", tag = "models", params(DescribeOptions),
    responses((status = 200, body = Describe)))]
pub(super) async fn describe(
    State(app): State<Arc<App>>,
    ApiQuery(options): ApiQuery<DescribeOptions>,
) -> Result<Json<Describe>, ApiError> {
    let served = asked(&app, options.model.as_deref())?;
    Ok(Json(Describe {
        model: served.name().to_owned(),
        space_key: served.space_key().to_owned(),
        dimension: served.embedding_len(),
        outputs: [output(served.artefact.card())],
        shortened_to: served.artefact.card().shortened_to.clone(),
        ready: app.ready(),
        models: app.models.all().iter().map(|served| served.name().to_owned()).collect(),
        capabilities: ["embed", "classify", "search"],
        recipe: served.artefact.recipe().clone(),
        limits: app.config.limits,
        parallel: app.models.parallel().cloned(),
        server: concat!("simclr-serve ", env!("CARGO_PKG_VERSION")),
    }))
}

/// Loads a model off the request threads; it goes on where the caller leaves.
pub(super) async fn load_by_name(app: &Arc<App>, name: String) -> Result<(Arc<Served>, bool), ApiError> {
    let work = {
        let app = Arc::clone(app);
        tokio::task::spawn_blocking(move || app.models.load(&name))
    };
    match work.await.map_err(ApiError::ours)? {
        Ok(loaded) => Ok(loaded),
        Err(ModelError::Unknown) => Err(no_such_model(app)),
        Err(error) => {
            tracing::error!(reason = %error, "a model was not loaded; what was served goes on");
            // The folder's path is the operator's to know.
            let message = "the model was not loaded and what was served goes on; the log has the reason";
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "model_not_loaded", message))
        }
    }
}

/// The model that a request names, or the one for requests that name none.
pub(super) fn asked(app: &App, name: Option<&str>) -> Result<Arc<Served>, ApiError> {
    match name {
        Some(name) => app.models.get(name).ok_or_else(|| no_such_model(app)),
        None => app.models.default_one().ok_or_else(|| {
            let message = format!("name a model; {}", loaded(app));
            ApiError::bad("model_required", message).at("model")
        }),
    }
}

/// The model whose embeddings a collection holds.
pub(super) fn model_of(app: &App, collection: &dyn VectorCollection) -> Result<Arc<Served>, ApiError> {
    let space_key = &collection.config().space_key;
    app.models.of_space(space_key).ok_or_else(|| {
        let keys: Vec<String> = app.models.all().iter().map(|served| served.space_key().to_owned()).collect();
        let collection = collection.name().to_owned();
        ApiError::from(SearchError::OtherSpace {
            collection,
            expected: space_key.clone(),
            found: keys.join(", "),
        })
    })
}

/// The refusal of a model that is not loaded, naming those that are.
pub(super) fn no_such_model(app: &App) -> ApiError {
    ApiError::missing("model_not_found", format!("that model is not here; {}", loaded(app))).at("model")
}

fn loaded(app: &App) -> String {
    let names: Vec<String> = app.models.all().iter().map(|served| format!("{:?}", served.name())).collect();
    if names.is_empty() { "none is loaded".to_owned() } else { format!("loaded: {}", names.join(", ")) }
}
