//! What an evaluation found: `…/report` as JSON, Markdown or a page, `…/comparison` of two encoders with its p-values.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use simclr_eval::compare::{Compared, Comparison};
use utoipa::{IntoParams, ToSchema};

use super::super::error::ApiError;
use super::super::extract::{ApiPath, ApiQuery};
use super::super::turns::Turns;
use crate::app::App;
use crate::evaluations::Format;

/// A report is one file; the page in it brings its own style and nothing that runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

/// Reports and comparisons, together.
static RESULTS: Turns = Turns::new();

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/evaluations/{id}/report", get(report))
        .route("/v1/evaluations/{id}/comparison", get(comparison))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportOptions {
    /// `json` (the default), `html` or `markdown`
    #[param(inline)]
    #[serde(default)]
    format: Format,
}

/// The report of what an evaluation has finished so far
#[utoipa::path(get, path = "/v1/evaluations/{id}/report", tag = "evaluations",
    params(("id" = String, Path), ReportOptions),
    responses((status = 200, body = String, content_type = "application/json")))]
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    ApiPath(id): ApiPath<String>,
    ApiQuery(ReportOptions { format }): ApiQuery<ReportOptions>,
) -> Result<Response, ApiError> {
    let (kind, ending) = match format {
        Format::Json => ("application/json", "json"),
        Format::Html => ("text/html; charset=utf-8", "html"),
        Format::Markdown => ("text/markdown; charset=utf-8", "md"),
    };
    let file = format!("attachment; filename=\"evaluation-{id}.{ending}\"");
    let text = RESULTS.work(move || app.evaluations.report(&id, format)).await??;
    let mut response = ([(CONTENT_TYPE, kind), (X_CONTENT_TYPE_OPTIONS, "nosniff")], text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, axum::http::HeaderValue::from_static(POLICY));
    // The id is one of ours by now: digits and letters.
    if let (false, Ok(file)) = (format == Format::Json, file.parse()) {
        headers.insert(CONTENT_DISPOSITION, file);
    }
    Ok(response)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CompareOptions {
    /// An encoder of this evaluation
    a: String,
    /// Another one
    b: String,
    /// The evaluation that judged the other; left out, the same one
    other: Option<String>,
}

/// Two encoders, dataset by dataset.
#[derive(Serialize, ToSchema)]
pub(crate) struct ComparisonAnswer {
    a: String,
    b: String,
    /// Of the permutation test
    permutations: usize,
    /// Differences with a larger p-value are not significant
    significant: f64,
    #[schema(value_type = Vec<Object>)]
    comparisons: Vec<Comparison>,
}

/// Whether one encoder is better than another, on the same test pictures: permutation test and McNemar's
#[utoipa::path(get, path = "/v1/evaluations/{id}/comparison", tag = "evaluations",
    params(("id" = String, Path), CompareOptions), responses((status = 200, body = ComparisonAnswer)))]
pub(crate) async fn comparison(
    State(app): State<Arc<App>>,
    ApiPath(id): ApiPath<String>,
    ApiQuery(CompareOptions { a, b, other }): ApiQuery<CompareOptions>,
) -> Result<Json<ComparisonAnswer>, ApiError> {
    let compared = RESULTS.work(move || {
        let other = other.as_deref().unwrap_or(&id);
        app.evaluations.compare((&id, &a), (other, &b))
    });
    let Compared { a, b, permutations, significant, comparisons, .. } = compared.await??;
    Ok(Json(ComparisonAnswer { a, b, permutations, significant, comparisons }))
}
