//! `/v1/classifiers`: which fitted probes there are and how well they did; new ones from labelled records or an evaluation.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_eval::EvalError;
use simclr_eval::probe::{Kind, Probe};
use simclr_search::VectorCollection;
use utoipa::ToSchema;

use super::collections::named;
use super::error::ApiError;
use super::extract::ApiPath;
use super::turns::Turns;
use super::upload;
use crate::app::App;
use crate::classifiers::Kept;
use crate::fitting::{self, FitError};
use crate::models::{MakeError, Served};

/// A fit takes every processor that is idle.
static FITS: Turns = Turns::new();

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/classifiers", get(list))
        .route("/v1/classifiers/{name}", put(make).get(one).delete(delete))
}

#[derive(Serialize, ToSchema)]
pub(super) struct ClassifierList {
    classifiers: Vec<Classifier>,
}

/// A fitted probe.
#[derive(Serialize, ToSchema)]
pub(super) struct Classifier {
    name: String,
    /// The model whose embeddings it takes
    model: String,
    /// What it was fitted on
    data: String,
    classes: Vec<String>,
    /// `softmax`: one class is right; `one-vs-rest`: any number are, each with a probability of its own
    #[schema(value_type = String)]
    kind: Kind,
    penalty: f64,
    /// Pictures or records it was fitted on
    rows: usize,
    /// Its score on the test split, in percent, where it was measured
    score: Option<f64>,
    validation: Option<Validation>,
    /// Whether it was made here or lies in the folder of classifiers, so that it can be replaced and deleted
    can_be_deleted: bool,
    /// When its file was written, in seconds since 1970
    written: Option<u64>,
    space_key: String,
}

/// What it is worth on a fifth of each class, which chose the penalty and was not fitted on when this was measured.
#[derive(Serialize, ToSchema)]
pub(super) struct Validation {
    /// How many of them it is right about, in percent
    top1: f64,
    /// How far its probabilities are from how often it is right, in percent
    calibration_error: f64,
    rows: usize,
}

/// From what a classifier is to be made: `collection` and `field`, or `evaluation`, `encoder` and `dataset`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeBody {
    /// Whose records are labelled
    collection: Option<String>,
    /// The payload's field with the label, keys joined by dots
    field: Option<String>,
    /// Whose probe to take
    evaluation: Option<String>,
    encoder: Option<String>,
    dataset: Option<String>,
}

fn of(served: &Served, kept: &Kept) -> Classifier {
    let probe = &kept.probe;
    let validation = probe.validation.map(|v| Validation {
        top1: v.top1,
        calibration_error: v.calibration_error,
        rows: v.rows,
    });
    Classifier {
        name: probe.name.clone(),
        model: served.name().to_owned(),
        data: probe.data.clone(),
        classes: probe.classes.clone(),
        kind: probe.kind,
        penalty: probe.penalty,
        rows: probe.rows,
        score: probe.score,
        validation,
        can_be_deleted: !kept.is_own,
        written: kept.written,
        space_key: probe.space_key.clone(),
    }
}

/// The classifiers of all models
#[utoipa::path(get, path = "/v1/classifiers", tag = "classifiers", responses((status = 200, body = ClassifierList)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<ClassifierList> {
    Json(ClassifierList { classifiers: all(&app) })
}

fn all(app: &App) -> Vec<Classifier> {
    let models = app.models.all();
    let of_model = |served: &Arc<Served>| {
        served.classifiers.all().iter().map(|kept| of(served, kept)).collect::<Vec<_>>()
    };
    models.iter().flat_map(of_model).collect()
}

/// One classifier
#[utoipa::path(get, path = "/v1/classifiers/{name}", tag = "classifiers", params(("name" = String, Path)),
    responses((status = 200, body = Classifier)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<Classifier>, ApiError> {
    let found = all(&app).into_iter().find(|classifier| classifier.name == name);
    found.map(Json).ok_or_else(super::classify::no_such_classifier)
}

/// Fit a classifier on labelled records of a collection, or take the probe of an evaluation; it answers at once
#[utoipa::path(put, path = "/v1/classifiers/{name}", tag = "classifiers", params(("name" = String, Path)),
    request_body = MakeBody,
    responses((status = 200, description = "It took another's place", body = Classifier),
        (status = 201, body = Classifier)))]
pub(super) async fn make(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
    request: Request,
) -> Result<(StatusCode, Json<Classifier>), ApiError> {
    let body: Option<MakeBody> = upload::read_json(&app, request).await?;
    app.models.check_classifier_name(&name)?;
    let collection = match body.as_ref().and_then(|body| body.collection.as_deref()) {
        Some(name) => Some(named(&app, name).await?),
        None => None,
    };
    let for_thread = Arc::clone(&app);
    let fit = FITS.work(move || {
        let probe = probe_for(&for_thread, &name, body, collection.as_deref())?;
        for_thread.models.keep_classifier(probe).map_err(ApiError::from)
    });
    let (probe, is_new) = fit.await??;
    let served = app.models.of_space(&probe.space_key);
    let made = served.and_then(|served| Some(of(&served, &served.classifiers.kept(&probe.name)?)));
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made.ok_or_else(|| ApiError::ours("its model left, or it was deleted meanwhile"))?)))
}

fn probe_for(
    app: &App,
    name: &str,
    body: Option<MakeBody>,
    collection: Option<&dyn VectorCollection>,
) -> Result<Probe, ApiError> {
    match (body, collection) {
        (
            Some(MakeBody {
                collection: Some(_),
                field: Some(field),
                evaluation: None,
                encoder: None,
                dataset: None,
            }),
            Some(collection),
        ) => {
            let page = app.config.limits.request_records_max;
            Ok(fitting::fit(collection, name, &field, page, app.config.evaluation_nice)?)
        }
        (
            Some(MakeBody {
                evaluation: Some(id),
                encoder: Some(encoder),
                dataset: Some(dataset),
                collection: None,
                field: None,
            }),
            _,
        ) => {
            let probe = app.evaluations.probe(&id, &encoder, &dataset)?;
            Ok(Probe { name: name.to_owned(), ..probe })
        }
        _ => {
            let message = "give `collection` and `field`, or `evaluation`, `encoder` and `dataset`";
            Err(ApiError::bad("invalid_classifier", message))
        }
    }
}

/// Delete a classifier that was made here or lies in the folder of classifiers
#[utoipa::path(delete, path = "/v1/classifiers/{name}", tag = "classifiers", params(("name" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    ApiPath(name): ApiPath<String>,
) -> Result<StatusCode, ApiError> {
    let task = tokio::task::spawn_blocking(move || app.models.delete_classifier(&name));
    task.await.map_err(ApiError::ours)??;
    Ok(StatusCode::NO_CONTENT)
}

impl From<MakeError> for ApiError {
    fn from(error: MakeError) -> Self {
        let message = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, message.clone());
        match error {
            MakeError::Name => Self::bad("invalid_classifier_name", message),
            MakeError::Own => conflict("classifier_is_the_models"),
            MakeError::OtherSpace => conflict("classifier_exists"),
            MakeError::NoModel => conflict("space_key_mismatch"),
            MakeError::Unknown => Self::missing("classifier_not_found", message),
            MakeError::Eval(error) => Self::ours(error),
            MakeError::Remove(error) => Self::ours(error),
        }
    }
}

impl From<FitError> for ApiError {
    fn from(error: FitError) -> Self {
        let message = error.to_string();
        let unusable = |code| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message.clone());
        match error {
            FitError::Search(error) => Self::from(error),
            FitError::NoField(_) | FitError::Classes(_) | FitError::Eval(EvalError::TooFew(_)) => {
                unusable("labels_unusable").at("field")
            }
            FitError::Eval(EvalError::NotConverged { .. }) => unusable("fit_did_not_converge"),
            FitError::Eval(error) => Self::ours(error),
            FitError::Thread(error) => Self::ours(error),
        }
    }
}
