//! What tells people and programs how the server is.

use crate::pictures::png;
use crate::world::{World, artefact};

#[test]
fn it_says_what_it_is() {
    let world = World::new();
    let server = world.server(|raw| raw.request_pictures_max = Some(5));
    let client = &server.client;
    assert_eq!(client.get("/health/live").ok()["status"], "live");
    assert_eq!(client.get("/health/ready").ok()["status"], "ready");
    let describe = client.get("/v1/describe").ok();
    assert_eq!(describe["space_key"], artefact().space_key());
    assert_eq!(describe["dimension"], artefact().embedding_len());
    assert_eq!(describe["limits"]["request_pictures_max"], 5);
    assert_eq!(describe["recipe"]["side"], 16);
    let models = client.get("/v1/models").ok();
    assert_eq!(models["data"][0]["id"], "tiny");
    assert_eq!(models["data"][0]["object"], "model");
    assert_eq!(client.get("/v1/models/tiny").ok(), models["data"][0]);
    let page = client.get("/");
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    let text = String::from_utf8(page.body).unwrap();
    assert!(!text.contains("https://"), "the page fetches nothing from elsewhere");
    for route in
        ["/v1/embeddings", "/v1/embed", "/v1/classify", "/v1/collections", "/v1/describe", "/metrics"]
    {
        assert!(text.contains(route), "the page does not name {route}");
    }
}

#[test]
fn it_counts_by_route_and_not_by_name() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.post("/v1/embed", "", &png(1)).ok();
    assert_eq!(client.post("/v1/embed", "", b"x").status, 422);
    for name in ["a", "b", "c"] {
        assert_eq!(client.get(&format!("/v1/collections/{name}")).status, 404);
    }
    assert_eq!(client.get("/nowhere").status, 404);
    for (line, value) in [
        (r#"simclr_requests_total{route="/v1/embed",method="POST",status="200"}"#, 1.0),
        (r#"simclr_requests_total{route="/v1/embed",method="POST",status="422"}"#, 1.0),
        (r#"simclr_requests_total{route="/v1/collections/{collection}",method="GET",status="404"}"#, 3.0),
        (r#"simclr_requests_total{route="unmatched",method="GET",status="404"}"#, 1.0),
        ("simclr_pictures_total", 1.0),
        ("simclr_batch_pictures_count", 1.0),
        ("simclr_inference_duration_seconds_count", 1.0),
        ("simclr_ready", 1.0),
    ] {
        assert_eq!(client.metric(line), Some(value), "{line}");
    }
}

#[test]
fn every_answer_carries_a_request_id() {
    let world = World::new();
    let server = world.server(|_| ());
    let first = server.client.get("/health/live").header("x-request-id").to_owned();
    let second = server.client.get("/nowhere").header("x-request-id").to_owned();
    assert!(first.len() > 20 && second.len() > 20 && first != second);
}
