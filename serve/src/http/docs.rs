//! `GET /docs/`: Swagger UI on the OpenAPI document, from inside the binary; it asks this server and no other.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{Redirect, Response};
use axum::routing::get;
use utoipa_swagger_ui::{Config, serve};

use super::assets::conditional;
use super::error::ApiError;
use super::extract::ApiPath;
use crate::app::App;

/// Swagger UI sets styles from its script and carries its icons as data.
const POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Its files change with the server's version and have no version in their names.
const KEPT: &str = "no-cache";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // Without a validator no badge is asked of swagger.io.
    let config = Config::from("/openapi.json").validator_url("none");
    Arc::new(config.try_it_out_enabled(true).display_request_duration(true).doc_expansion("list"))
});

pub(super) fn routes() -> Router<Arc<App>> {
    let moved = || async { Redirect::permanent("/docs/") };
    let first = |headers: HeaderMap| async move { file("index.html", &headers) };
    Router::new().route("/docs", get(moved)).route("/docs/", get(first)).route("/docs/{name}", get(named))
}

async fn named(ApiPath(name): ApiPath<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    file(&name, &headers)
}

fn file(name: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let found = serve(name, Arc::clone(&CONFIG)).ok().flatten();
    let found = found.ok_or_else(|| {
        let message = "that file is not part of Swagger UI: load /docs/ again";
        ApiError::missing("asset_not_found", message)
    })?;
    let mut response = conditional(headers, &found.content_type, KEPT, found.bytes);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}
