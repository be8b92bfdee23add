//! `GET /assets/{version}/{name}`: the page's style, scripts and icon, from inside the binary.
//!
//! The version is a hash of all of them, so that browsers may keep them for ever and modules, which import one another
//! by relative paths, never meet a file of another version. Knows nothing of what they do.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::extract::ApiPath;
use crate::app::App;

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Name, kind, contents.
type Asset = (&'static str, &'static str, &'static str);

macro_rules! assets {
    ($kind:literal: $($name:literal),+) => {
        [$(($name, $kind, include_str!(concat!("../../web/", $name)))),+]
    };
}

const STYLE: [Asset; 1] = assets!("text/css; charset=utf-8": "page.css");
const ICON: [Asset; 1] = assets!("image/svg+xml": "icon.svg");
const SCRIPTS: [Asset; 22] = assets!("text/javascript; charset=utf-8":
    "adding.js", "api.js", "arranging.js", "cards.js", "classify.js", "collections.js", "dom.js", "drop.js",
    "evaluations.js", "events.js", "figures.js", "filter.js", "main.js",
    "map.js", "metrics.js", "pictures.js", "plot.js", "ringed.js", "search.js", "system.js", "tabs.js", "teach.js");

fn all() -> impl Iterator<Item = &'static Asset> {
    STYLE.iter().chain(&ICON).chain(&SCRIPTS)
}

/// Hash of all of them, in 16 hexadecimal digits.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, _, contents) in all() {
        for part in [name.as_bytes(), contents.as_bytes()] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
    }
    short(&hash.finalize())
});

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/assets/{version}/{name}", get(asset))
}

/// The version in the paths of what is served now.
pub(super) fn version() -> &'static str {
    &VERSION
}

/// Elements for the page's head that fetch style, icon and every script at once rather than one after another.
pub(super) fn links() -> String {
    let version = version();
    let mut links = format!("<link rel=\"icon\" href=\"/assets/{version}/icon.svg\">\n");
    links.push_str(&format!("<link rel=\"stylesheet\" href=\"/assets/{version}/page.css\">\n"));
    for (name, ..) in &SCRIPTS {
        links.push_str(&format!("<link rel=\"modulepreload\" href=\"/assets/{version}/{name}\">\n"));
    }
    links.push_str(&format!("<script type=\"module\" src=\"/assets/{version}/main.js\"></script>"));
    links
}

async fn asset(
    ApiPath((asked, name)): ApiPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = all().find(|(known, ..)| *known == name && asked == version());
    let (_, kind, contents) = found.ok_or_else(|| {
        let message = "that file is not part of this server's page: load the page again";
        ApiError::missing("asset_not_found", message)
    })?;
    Ok(conditional(&headers, kind, FOR_EVER, contents.as_bytes()))
}

/// The contents with their hash as `ETag`, or nothing where the browser has just these.
pub(super) fn conditional(
    headers: &HeaderMap,
    kind: &str,
    keep: &'static str,
    contents: impl Into<Cow<'static, [u8]>>,
) -> Response {
    let contents = contents.into();
    let tag = format!("\"{}\"", short(&Sha256::digest(&contents)));
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has_it = known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    let kept = [(CACHE_CONTROL, keep.to_owned()), (ETAG, tag)];
    if has_it {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(CONTENT_TYPE, kind), (X_CONTENT_TYPE_OPTIONS, "nosniff")], contents).into_response()
}

fn short(hash: &[u8]) -> String {
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
