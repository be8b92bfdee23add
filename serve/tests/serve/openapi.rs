//! The committed OpenAPI document is the one that is served, and names every route.

use std::path::Path;

use serde_json::Value;

use crate::world::World;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

/// `SIMCLR_WRITE_OPENAPI=1 cargo test -p simclr-serve openapi` brings the committed document up to date.
#[test]
fn the_committed_document_is_the_one_served() {
    let served = simclr_serve::openapi();
    if std::env::var_os("SIMCLR_WRITE_OPENAPI").is_some() {
        std::fs::write(COMMITTED, served).unwrap();
    }
    let committed = std::fs::read_to_string(Path::new(COMMITTED)).unwrap();
    assert!(committed == served, "docs/openapi.json is old: run this test with SIMCLR_WRITE_OPENAPI=1");
}

/// Swagger UI asked `/v1/classifiers` for `/v1/models` when both were called `list`.
#[test]
fn every_operation_has_a_name_of_its_own() {
    let document: Value = serde_json::from_str(simclr_serve::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let names: Vec<&str> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let different: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), different.len(), "{names:?}");
    assert!(different.contains("get_v1_models_name"), "{different:?}");
}

#[test]
fn every_path_of_the_document_is_a_route() {
    let world = World::new();
    let server = world.server(|_| ());
    let document = server.client.get("/openapi.json").ok();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 20);
    for (path, operations) in paths {
        let path = path.replace("{collection}", "c").replace("{id}", "i").replace("{name}", "n");
        let answer = server.client.get(&path.replace("{model}", "tiny"));
        let code = answer.json_or_null()["error"]["code"].clone();
        assert_ne!(code, Value::from("route_not_found"), "{path}");
        assert_eq!(operations.get("get").is_none(), answer.status == 405, "{path}: {}", answer.status);
    }
}

#[test]
fn swagger_ui_comes_from_the_binary_and_asks_no_other_server() {
    let world = World::new();
    let server = world.server(|_| ());
    let page = server.client.get("/docs/");
    assert_eq!(server.client.get("/docs").body, page.body, "/docs leads there");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    let text = String::from_utf8(page.body).unwrap();
    assert!(!text.contains("https://"), "{text}");
    let named = text.split(['"']).filter_map(|part| part.strip_prefix("./"));
    let files: Vec<&str> = named.filter(|name| name.ends_with(".js") || name.ends_with(".css")).collect();
    assert!(files.len() >= 4, "{files:?}");
    for name in files {
        let file = server.client.get(&format!("/docs/{name}"));
        assert_eq!(file.status, 200, "{name}");
        let tag = file.header("etag").to_owned();
        let again = server.client.send("GET", &format!("/docs/{name}"), &[("if-none-match", &tag)], b"");
        assert_eq!(again.status, 304, "{name}");
    }
    let script = String::from_utf8(server.client.get("/docs/swagger-initializer.js").body).unwrap();
    assert!(script.contains("/openapi.json") && script.contains(r#""validatorUrl": "none""#), "{script}");
    assert_eq!(server.client.get("/docs/nothing.js").refused(404), "asset_not_found");
}
