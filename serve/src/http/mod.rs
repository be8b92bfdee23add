//! The routes. One file tells one resource's whole story: its paths, its types, its handlers.
//!
//! A handler understands the request, calls the domain, shapes the answer; it touches no file and no thread itself.

mod arrangement;
mod assets;
mod auth;
mod body;
mod bounded;
mod classifiers;
mod classify;
mod collections;
mod completing;
mod docs;
mod drafts;
mod embed;
mod error;
mod evaluations;
mod extract;
mod form;
mod guard;
mod health;
mod map;
mod models;
mod npy;
mod oip;
mod openai;
mod openapi;
mod page;
mod pictures;
mod queries;
mod records;
mod room;
mod search;
mod searches;
mod skipping;
mod snapshot;
mod source;
mod subject;
mod timing;
mod turns;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::app::App;
use error::ApiError;
pub use openapi::openapi;

/// Headers of answers that say what no body does, and so are for pages of other origins too.
const EXPOSED: [&str; 6] = [
    "x-request-id",
    "retry-after",
    embed::SPACE_KEY,
    embed::DIMENSION,
    embed::KEPT_INDICES,
    oip::infer::JSON_LENGTH,
];

/// Every route over one [`App`]; callable without a socket.
pub fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .merge(openai::routes())
        .merge(embed::routes())
        .merge(classifiers::routes())
        .merge(classify::routes())
        .merge(collections::routes())
        .merge(records::routes())
        .merge(search::routes())
        .merge(pictures::routes())
        .merge(snapshot::routes())
        .merge(map::routes())
        .merge(arrangement::routes())
        .merge(evaluations::routes())
        .merge(models::routes())
        .merge(oip::routes())
        .layer(from_fn_with_state(Arc::clone(&app), guard::admit));
    Router::new()
        .merge(api)
        // Whoever watches the server must reach it when it is full.
        .merge(health::routes())
        .merge(oip::health_routes())
        .merge(page::routes())
        .merge(assets::routes())
        .merge(openapi::routes())
        .merge(docs::routes())
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        // The limits are ours, in upload.rs, with answers of our own shape.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&app), guard::deadline))
        .layer(CatchPanicLayer::custom(guard::panicked))
        .layer(from_fn_with_state(Arc::clone(&app), auth::check))
        .layer(from_fn(oip::shape_errors))
        .layer(cross_origin(&app.config.cors_origins))
        .layer(from_fn_with_state(Arc::clone(&app), guard::observe))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(app)
}

/// Pages of the origins listed may call from a browser; with none listed, no header is sent and none may.
fn cross_origin(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::try_from(origin.as_str()).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("x-api-key")])
        .expose_headers(EXPOSED.map(HeaderName::from_static))
}

async fn no_such_path(method: Method, uri: Uri) -> ApiError {
    let message = format!("there is no {method} {}; GET / lists the routes", uri.path());
    ApiError::missing("route_not_found", message)
}

async fn no_such_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} does not take {method}; GET / lists the routes", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
