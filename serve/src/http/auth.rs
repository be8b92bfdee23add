//! Who may ask: a request's API key against the scope that its route needs, before a byte of its body is read.
//!
//! Health is for everybody, and so are the pages that hold no data; the rest needs a key where the server has keys.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::body::discard;
use super::error::ApiError;
use crate::app::App;
use crate::keys::Scope;

/// The header for clients that do not say `authorization: Bearer …`.
const API_KEY: &str = "x-api-key";

/// Lets those in who present a key of the scope needed.
pub(super) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let (Some(keys), Some(needed)) = (&app.keys, scope_of(request.method(), route)) else {
        return next.run(request).await;
    };
    let key = presented(request.headers()).and_then(|presented| keys.find(presented));
    let refusal = match key {
        Some(key) if key.scope >= needed => return next.run(request).await,
        Some(key) => {
            let message = format!("the key {:?} is not one for this: it needs {needed:?}", key.name);
            ApiError::new(StatusCode::FORBIDDEN, "scope_missing", message)
        }
        None => {
            let message = "send an API key of this server: authorization: Bearer …, or x-api-key: …";
            ApiError::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
        }
    };
    let read = discard(&mut request.into_body()).await;
    let mut response = refusal.closing_unless(read).into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The bearer's token; else the other header, also where a proxy's `authorization` of another scheme stands beside it.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(bearer);
    bearer.or_else(|| headers.get(API_KEY).map(HeaderValue::as_bytes))
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, key) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}

/// Health, the pages and the description of the interface hold no data; an unmatched route has nothing to hide.
pub(super) fn is_for_everybody(route: &str) -> bool {
    let pages = ["", "/", "/docs", "/openapi.json"];
    pages.contains(&route)
        || route.starts_with("/docs/")
        || route.starts_with("/assets/")
        || route.starts_with("/health/")
        || route.starts_with("/v2/health/")
}

/// What a route needs; nothing for what everybody may see.
fn scope_of(method: &Method, route: &str) -> Option<Scope> {
    let asks = method == Method::GET || method == Method::HEAD;
    match route {
        _ if is_for_everybody(route) => None,
        _ if route.starts_with("/v1/models/") && !asks => Some(Scope::Admin),
        // A whole collection at once is more than asking for records of it.
        "/v1/collections/{collection}/snapshot" => Some(Scope::Admin),
        _ if route.starts_with("/v2/repository/models/") => Some(Scope::Admin),
        _ if (route.starts_with("/v1/evaluations") || route.starts_with("/v1/classifiers")) && !asks => {
            Some(Scope::Write)
        }
        _ if route.starts_with("/v1/collections") && !asks && !route.ends_with("/search") => {
            Some(Scope::Write)
        }
        _ => Some(Scope::Read),
    }
}
