//! The page and what it is made of: fetched once, kept by browsers, readable without scripts, silent about what keys protect.

use std::collections::BTreeSet;

use serde_json::json;

use crate::client::{Answer, Client};
use crate::world::{World, artefact};

/// Without pictures; the page's own limit.
const WEIGHT_MAX: usize = 300_000;

fn text(answer: &Answer) -> String {
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body.clone()).unwrap()
}

/// Every `/assets/…` path that a page names.
fn assets(page: &str) -> BTreeSet<String> {
    page.split('"').filter(|word| word.starts_with("/assets/")).map(str::to_owned).collect()
}

fn unchanged(client: &Client, path: &str) -> u16 {
    let tag = client.get(path).header("etag").to_owned();
    assert!(tag.len() > 10, "{path} has no tag");
    let answer = client.send("GET", path, &[("if-none-match", &tag)], b"");
    assert!(answer.body.is_empty() && answer.header("etag") == tag);
    answer.status
}

#[test]
fn everything_the_page_names_is_there_light_and_kept_for_ever() {
    let world = World::new();
    let server = world.server(|_| ());
    let page = text(&server.client.get("/"));
    let mut weight = page.len();
    let names = assets(&page);
    assert!(names.len() > 10, "{names:?}");
    for path in &names {
        let answer = server.client.get(path);
        let contents = text(&answer);
        weight += contents.len();
        let kind = match path.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript",
            "css" => "text/css",
            _ => "image/svg+xml",
        };
        assert!(answer.header("content-type").starts_with(kind), "{path}");
        assert!(answer.header("cache-control").contains("immutable"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(!contents.contains("https://"), "{path} fetches from elsewhere");
        for import in contents.split(" from \"./").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(names.iter().any(|known| known.ends_with(&format!("/{import}"))), "{path}: {import}");
        }
        assert_eq!(unchanged(&server.client, path), 304);
    }
    assert!(weight < WEIGHT_MAX, "{weight} bytes");
    let old = names.first().unwrap().replace("/assets/", "/assets/0");
    assert_eq!(server.client.get(&old).refused(404), "asset_not_found");
}

#[test]
fn nothing_inline_may_run() {
    let world = World::new();
    let server = world.server(|_| ());
    let answer = server.client.get("/");
    let policy = answer.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = text(&answer);
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="));
    assert!(!page.contains("<script>") && page.contains("<script type=\"module\" src="));
}

#[test]
fn without_scripts_it_tells_models_and_collections() {
    let world = World::new();
    let server = world.server(|_| ());
    let before = text(&server.client.get("/"));
    assert!(before.contains("no collection yet") && before.contains("<h3>tiny</h3>"));
    assert!(before.contains(artefact().space_key()));
    assert_eq!(unchanged(&server.client, "/"), 304);
    server.client.put("/v1/collections/holidays", &json!({})).ok();
    let after = text(&server.client.get("/"));
    assert!(after.contains("<a href=\"/v1/collections/holidays\">holidays</a>"), "{after}");
}

#[test]
fn where_there_are_keys_it_tells_nothing() {
    let world = World::new();
    let file = world.file("keys");
    std::fs::write(&file, "me admin a-key-of-enough-letters\n").unwrap();
    let server = world.server(|raw| raw.api_keys = Some(file));
    let key = [("x-api-key", "a-key-of-enough-letters"), ("content-type", "application/json")];
    assert_eq!(server.client.send("PUT", "/v1/collections/holidays", &key, b"{}").status, 201);
    let page = text(&server.client.get("/"));
    assert!(!page.contains("holidays") && !page.contains("tiny") && page.contains("data-keys=\"yes\""));
    for path in assets(&page) {
        assert_eq!(server.client.get(&path).status, 200, "{path} asks for a key");
    }
}
