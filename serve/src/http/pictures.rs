//! `GET /v1/collections/{collection}/pictures/{content_sha256}/…`: pictures that a collection keeps of its records.
//!
//! Whoever has one need not ask again for a while: an original of a content never changes, and a thumbnail seldom.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use simclr_models::Picture;
use simclr_search::{ContentHash, PictureKind, VectorCollection};

use super::error::ApiError;
use super::extract::ApiPath;
use crate::app::App;

/// Minutes, and by whoever asked alone: the picture may be deleted.
const KEEP: &str = "private, max-age=600";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/collections/{collection}/pictures/{content_sha256}/thumbnail", get(thumbnail))
        .route("/v1/collections/{collection}/pictures/{content_sha256}/original", get(original))
}

/// Where a thumbnail of a record's content is, if the collection keeps such; one that came as a vector alone may have none.
pub(super) fn thumbnail_url(
    collection: &dyn VectorCollection,
    content: Option<ContentHash>,
) -> Option<String> {
    let content = content.filter(|_| collection.config().keep.thumbnails)?;
    Some(format!("/v1/collections/{}/pictures/{content}/thumbnail", collection.name()))
}

/// A small picture of a content, where the collection keeps thumbnails
#[utoipa::path(get, path = "/v1/collections/{collection}/pictures/{content_sha256}/thumbnail", tag = "collections",
    params(("collection" = String, Path), ("content_sha256" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "image/*")))]
pub(super) async fn thumbnail(
    State(app): State<Arc<App>>,
    ApiPath((collection, content)): ApiPath<(String, String)>,
) -> Result<Response, ApiError> {
    picture(&app, collection, &content, PictureKind::Thumbnail).await
}

/// The picture of a content as it was sent, where the collection keeps originals
#[utoipa::path(get, path = "/v1/collections/{collection}/pictures/{content_sha256}/original", tag = "collections",
    params(("collection" = String, Path), ("content_sha256" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "image/*")))]
pub(super) async fn original(
    State(app): State<Arc<App>>,
    ApiPath((collection, content)): ApiPath<(String, String)>,
) -> Result<Response, ApiError> {
    picture(&app, collection, &content, PictureKind::Original).await
}

async fn picture(
    app: &App,
    collection: String,
    content: &str,
    kind: PictureKind,
) -> Result<Response, ApiError> {
    let content: ContentHash = content.parse().map_err(|error: simclr_search::NoContentHash| {
        ApiError::bad("invalid_content", error.to_string()).at("content_sha256")
    })?;
    let bytes = app.store(move |store| store.get(&collection)?.picture(content, kind)).await?;
    let bytes = bytes.ok_or_else(|| {
        let message = "the collection keeps no such picture: it is made to keep none, or has no record of this content that came \
                       as a picture";
        ApiError::missing("picture_not_found", message)
    })?;
    let headers = [
        (CONTENT_TYPE, Picture::media_type(&bytes).unwrap_or("application/octet-stream")),
        (CACHE_CONTROL, KEEP),
        // Somebody else's bytes: never more than a picture to a browser that opens them.
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    Ok((headers, bytes).into_response())
}
