//! `GET /v1/classifiers`: which fitted probes there are, on what they were fitted, and how well they did.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use simclr_eval::probe::{Kind, Probe};
use utoipa::ToSchema;

use crate::app::App;
use crate::models::Served;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/classifiers", get(list))
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
    /// Its score on the test split, in percent, where it was measured
    score: Option<f64>,
    space_key: String,
}

fn of(served: &Served, probe: &Probe) -> Classifier {
    Classifier {
        name: probe.name.clone(),
        model: served.name().to_owned(),
        data: probe.data.clone(),
        classes: probe.classes.clone(),
        kind: probe.kind,
        penalty: probe.penalty,
        score: probe.score,
        space_key: probe.space_key.clone(),
    }
}

/// The classifiers of all models
#[utoipa::path(get, path = "/v1/classifiers", tag = "classifiers", responses((status = 200, body = ClassifierList)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<ClassifierList> {
    let models = app.models.all();
    let all = models.iter().flat_map(|served| served.classifiers.all().map(|probe| of(served, probe)));
    Json(ClassifierList { classifiers: all.collect() })
}
