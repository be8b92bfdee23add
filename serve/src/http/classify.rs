//! `POST /v1/classify/{name}` and `POST /v1/classify`: what fitted probes say of pictures or of ready embeddings.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_eval::Probe;
use simclr_models::Embedding;
use utoipa::{IntoParams, ToSchema};

use super::bounded;
use super::error::ApiError;
use super::extract::{ApiPath, ApiQuery};
use super::models::asked;
use super::skipping::{Choice, Skipped};
use super::source::Source;
use super::subject::{Asked, Said};
use crate::app::App;
use crate::models::Served;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/classify/{name}", post(by_one)).route("/v1/classify", post(by_several))
}

#[derive(Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ClassifyOptions {
    /// Labels a picture, most probable first
    pub(super) top_k: Option<usize>,
    /// Which model; left out, the first that has the classifier
    pub(super) model: Option<String>,
    /// What a picture that cannot be used does: `fail` the request (the default) or be `skip`ped
    #[param(inline)]
    pub(super) on_error: Option<Choice>,
}

/// One of `image`, `images` and `embeddings`, and options as in the query.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassifyBody {
    pub(super) image: Option<Source>,
    #[serde(default, deserialize_with = "bounded::optional")]
    pub(super) images: Option<Vec<Source>>,
    /// Embeddings of this model, as it gave them: not normalised
    #[serde(default, deserialize_with = "bounded::optional")]
    pub(super) embeddings: Option<Vec<Vec<f32>>>,
    /// Names, for `/v1/classify`; left out, all of the model's
    #[serde(default, deserialize_with = "bounded::optional")]
    pub(super) classifiers: Option<Vec<String>>,
    pub(super) top_k: Option<usize>,
    pub(super) model: Option<String>,
    pub(super) on_error: Option<Choice>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ClassifyAnswer {
    classifier: String,
    model: String,
    space_key: String,
    predictions: Vec<Prediction>,
    #[serde(flatten)]
    skipped: Option<Skipped>,
}

/// What several classifiers say of the same pictures, embedded once.
#[derive(Serialize, ToSchema)]
pub(super) struct ManyAnswer {
    model: String,
    space_key: String,
    results: Vec<OneResult>,
    #[serde(flatten)]
    skipped: Option<Skipped>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct OneResult {
    classifier: String,
    predictions: Vec<Prediction>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Prediction {
    pub(super) index: usize,
    /// Most probable first
    pub(super) top: Vec<Label>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Label {
    label: String,
    probability: f32,
}

/// What one classifier says of pictures or embeddings
#[utoipa::path(post, path = "/v1/classify/{name}", tag = "classifiers",
    params(("name" = String, Path), ClassifyOptions),
    request_body(content((ClassifyBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, body = ClassifyAnswer)))]
pub(super) async fn by_one(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(options): ApiQuery<ClassifyOptions>,
    request: Request,
) -> Result<Json<ClassifyAnswer>, ApiError> {
    if !app.models.all().iter().any(|served| served.classifiers.get(&name).is_some()) {
        // Before the body: whoever misspelt the name need not upload for it.
        return Err(no_such_classifier());
    }
    let asked = Asked::read(&app, options, request).await?;
    if asked.classifiers.is_some() {
        let message = "`classifiers` belongs to POST /v1/classify; here the path names the one";
        return Err(ApiError::bad("invalid_query", message).at("classifiers"));
    }
    let model = model_with(&app, asked.model.as_deref(), &name)?;
    let probe = model.classifiers.get(&name).ok_or_else(no_such_classifier)?;
    let Said { mut predictions, skipped } = asked.embed(&app, &model).await?.judge(&app, vec![probe]).await?;
    let predictions = predictions.pop().unwrap_or_default();
    let (model, space_key) = (model.name().to_owned(), model.space_key().to_owned());
    Ok(Json(ClassifyAnswer { classifier: name, model, space_key, predictions, skipped }))
}

/// What several classifiers, or all, say of the same pictures, embedded once
#[utoipa::path(post, path = "/v1/classify", tag = "classifiers", params(ClassifyOptions),
    request_body(content((ClassifyBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, body = ManyAnswer)))]
pub(super) async fn by_several(
    State(app): State<Arc<App>>,
    ApiQuery(options): ApiQuery<ClassifyOptions>,
    request: Request,
) -> Result<Json<ManyAnswer>, ApiError> {
    let asked = Asked::read(&app, options, request).await?;
    let model = match asked.classifiers.as_ref().and_then(|names| names.first()) {
        Some(name) => model_with(&app, asked.model.as_deref(), name)?,
        None => self::asked(&app, asked.model.as_deref())?,
    };
    let probes = match &asked.classifiers {
        Some(names) => chosen(&model, names)?,
        None => model.classifiers.all().into_iter().map(|kept| kept.probe).collect(),
    };
    let names: Vec<String> = probes.iter().map(|probe| probe.name.clone()).collect();
    let Said { predictions, skipped } = asked.embed(&app, &model).await?.judge(&app, probes).await?;
    let results = names.into_iter().zip(predictions);
    let results = results.map(|(classifier, predictions)| OneResult { classifier, predictions }).collect();
    let (model, space_key) = (model.name().to_owned(), model.space_key().to_owned());
    Ok(Json(ManyAnswer { model, space_key, results, skipped }))
}

/// The classifiers named, each once: the work of one request is bounded by what the model has.
fn chosen(model: &Served, names: &[String]) -> Result<Vec<Arc<Probe>>, ApiError> {
    let (mut seen, mut probes) = (HashSet::new(), Vec::new());
    for name in names {
        if !seen.insert(name) {
            let message = "`classifiers` names one of them twice; name each once";
            return Err(ApiError::bad("classifier_twice", message).at("classifiers"));
        }
        probes.push(model.classifiers.get(name).ok_or_else(|| no_such_classifier().at("classifiers"))?);
    }
    Ok(probes)
}

/// The model asked for, or else the first that has the classifier, the default one before others.
fn model_with(app: &App, model: Option<&str>, classifier: &str) -> Result<Arc<Served>, ApiError> {
    if model.is_some() {
        return asked(app, model);
    }
    let mut models = app.models.default_one().into_iter().chain(app.models.all());
    models.find(|served| served.classifiers.get(classifier).is_some()).ok_or_else(no_such_classifier)
}

pub(super) fn no_such_classifier() -> ApiError {
    ApiError::missing("classifier_not_found", "there is no such classifier; GET /v1/classifiers lists them")
}

pub(super) fn most_probable(
    probe: &Probe,
    embedding: &Embedding,
    count: usize,
) -> Result<Vec<Label>, ApiError> {
    // Lengths and space were compared when the probe was loaded.
    let probabilities = probe.predict(embedding.as_slice()).map_err(ApiError::ours)?;
    let mut ranked: Vec<(&String, f32)> = probe.classes.iter().zip(probabilities).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let label = |(label, probability): (&String, f32)| Label { label: label.clone(), probability };
    Ok(ranked.into_iter().take(count).map(label).collect())
}
