//! `GET /`: the page. What can be read without a script is written into it here; its scripts are in `assets`.
//!
//! In goes what is served: models, classifiers, collections. Where the server has keys, the page names none of it:
//! whoever has one is shown it by the scripts.

use std::fmt::{Display, Write};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::get;

use simclr_search::{SearchError, VectorCollection};

use super::assets;
use crate::app::App;
use crate::models::Served;

const TEMPLATE: &str = include_str!("../../web/index.html");

/// The page brings nothing inline and talks to this server alone; results show pictures from memory.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

const KEYS: &str = "<p class=\"soft\">This server asks for an API key before it tells what it holds.</p>";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/", get(page))
}

async fn page(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let (models, collections) = match app.keys {
        Some(_) => (KEYS.to_owned(), KEYS.to_owned()),
        None => (models(&app), collections(&app).await),
    };
    let keys = if app.keys.is_some() { "yes" } else { "no" };
    let values = [
        ("links", assets::links()),
        ("icon", format!("/assets/{}/icon.svg", assets::version())),
        ("keys", keys.to_owned()),
        ("models", models),
        ("collections", collections),
        ("server", concat!("simclr-serve ", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    let text = fill(TEMPLATE, &values);
    let mut response =
        assets::conditional(&headers, "text/html; charset=utf-8", "no-cache", text.into_bytes());
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Puts values in place of `{{name}}`; what a value holds is never looked at again.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut pieces = template.split("{{");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or((piece, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        text.push_str(value.map_or("", |(_, value)| value));
        text.push_str(rest);
    }
    text
}

fn models(app: &App) -> String {
    let cards: String = app.models.all().iter().map(|served| card(served)).collect();
    if cards.is_empty() { "<p class=\"soft\">No model is loaded.</p>".to_owned() } else { cards }
}

/// A model's card, as a person reads it.
fn card(served: &Served) -> String {
    let card = served.artefact.card();
    let recipe = served.artefact.recipe();
    let mut text = format!("<article class=\"card\"><h3>{}</h3><dl class=\"facts\">", escaped(served.name()));
    fact(&mut text, "Trained on", &card.training.data);
    fact(&mut text, "Method", format!("{}, {} epochs", card.training.method, card.training.epochs));
    fact(&mut text, "Embedding", format!("{} numbers", served.embedding_len()));
    fact(&mut text, "Sees", format!("{0} × {0} pixels", recipe.side));
    fact(&mut text, "Space", served.space_key());
    fact(&mut text, "Licence", &card.licence);
    for score in &card.scores {
        let of = format!("{} {}", score.data, score.split);
        fact(&mut text, &of, format!("{} % {}, {}", score.value, score.metric, score.method));
    }
    for probe in served.classifiers.all().into_iter().map(|kept| kept.probe) {
        let score = probe.score.map_or(String::new(), |score| format!(", {score:.2} % on its test split"));
        let classes = probe.classes.len();
        fact(&mut text, "Classifier", format!("{}: {classes} classes{score}", probe.name));
    }
    text.push_str("</dl></article>");
    text
}

fn fact(text: &mut String, name: &str, value: impl Display) {
    // Writing to a String cannot fail.
    let _ = write!(text, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(&value.to_string()));
}

async fn collections(app: &App) -> String {
    let told = app.store(|store| {
        let told =
            |c: &Arc<dyn VectorCollection>| Ok((c.name().to_owned(), c.count()?, c.config().dimension));
        store.list()?.iter().map(told).collect::<Result<Vec<_>, SearchError>>()
    });
    let told = match told.await {
        Ok(told) => told,
        Err(error) => {
            tracing::warn!(%error, "the collections could not be listed");
            return "<p class=\"soft\">The collections cannot be listed; the log says why.</p>".to_owned();
        }
    };
    let mut text = String::new();
    for (name, count, dimension) in told {
        let name = escaped(&name);
        let _ = write!(
            text,
            "<li><a href=\"/v1/collections/{name}\">{name}</a> <span class=\"soft\">{count} records of {dimension} numbers</span></li>"
        );
    }
    match text.is_empty() {
        true => "<p class=\"soft\">There is no collection yet.</p>".to_owned(),
        false => format!("<ul class=\"plain\">{text}</ul>"),
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_once_and_cannot_bring_elements() {
        let values = [("a", "{{b}}".to_owned()), ("b", escaped("<i>\"&'"))];
        assert_eq!(fill("1 {{a}} 2 {{b}} {{c}}.", &values), "1 {{b}} 2 &lt;i&gt;&quot;&amp;&#39; .");
    }

    #[test]
    fn every_place_in_the_template_has_a_value() {
        let names = TEMPLATE.split("{{").skip(1).map(|piece| piece.split_once("}}").unwrap().0);
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        assert_eq!(names, ["collections", "icon", "keys", "links", "models", "server"]);
    }
}
