//! `GET /openapi.json`: the whole interface as OpenAPI.
//!
//! The document is made of the handlers' own annotations; `docs/openapi.json` is a copy, compared in a test.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::{
    arrangement, auth, classifiers, classify, collections, drafts, embed, error, evaluations, health, map,
    models, oip, openai, pictures, records, search, searches, snapshot,
};
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(title = "simclr-serve", description = "Embeddings, similarity search and classification of pictures"),
    paths(
        openai::create, embed::embed,
        classifiers::list, classifiers::one, classifiers::make, classifiers::delete, classify::by_one, classify::by_several,
        collections::list, collections::one, collections::create, collections::delete,
        records::page, records::upsert, records::one, records::delete, search::search, pictures::thumbnail, pictures::original,
        snapshot::snapshot, map::map,
        arrangement::one, arrangement::start, arrangement::end,
        evaluations::list, evaluations::start, evaluations::options, evaluations::one, evaluations::delete,
        evaluations::cancel, evaluations::resume, evaluations::results::report, evaluations::results::comparison,
        evaluations::events::events,
        models::list, models::one, models::load, models::unload, models::describe,
        health::live, health::ready, health::text,
        oip::server, oip::live, oip::ready, oip::metadata, oip::model_ready,
        oip::infer::infer, oip::repository::index, oip::repository::load, oip::repository::unload,
        oip::repository::config
    ),
    components(schemas(
        error::Body, oip::OipError, embed::EmbedBody, classify::ClassifyBody, searches::SearchRequest, drafts::UpsertBody
    )),
    modifiers(&Common)
)]
struct Api;

/// A bearer token has none in OpenAPI's sense.
const NO_SCOPES: [&str; 0] = [];

/// What every operation has: a name of its own, the shape of a refusal, and the key where the server has keys.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut Document) {
        for (path, item) in &mut document.paths.paths {
            let shape = if path.starts_with("/v2") { "OipError" } else { "Refusal" };
            let operations: [(&str, &mut Option<Operation>); 4] = [
                ("get", &mut item.get),
                ("post", &mut item.post),
                ("put", &mut item.put),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                // Handlers of several files share a name; clients and Swagger UI know an operation by this one alone.
                operation.operation_id = Some(operation_id(method, path));
                if !auth::is_for_everybody(path) {
                    operation.security = Some(vec![SecurityRequirement::new("key", NO_SCOPES)]);
                }
                let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name(shape))));
                let refusal = ResponseBuilder::new()
                    .description("A refusal; 429 and 503 say in `retry-after` when to come back")
                    .content("application/json", content);
                operation.responses.responses.insert("default".to_owned(), refusal.build().into());
            }
        }
        if let Some(components) = &mut document.components {
            components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        }
    }
}

/// `get_v1_models_name` of `GET /v1/models/{name}`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |id, word| id + "_" + word)
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    // Maps of strings to plain values always become JSON.
    let mut text = Api::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
});

/// The OpenAPI document, as served.
pub fn openapi() -> &'static str {
    &DOCUMENT
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/openapi.json", get(document))
}

async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], openapi())
}
