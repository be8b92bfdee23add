//! Whatever is sent, the answer is a clear 4xx, and the next request is served.

use image::ImageFormat;
use serde_json::{Value, json};
use simclr_tests::pictures::{boundless_png, drawn, encoded, png};
use simclr_tests::{Answer, World};

/// An error has OpenAI's shape, says something, and shows nothing of our insides.
fn assert_refused(what: &str, answer: &Answer, statuses: &[u16]) {
    assert!(statuses.contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
    let error = &answer.body["error"];
    let message = error["message"].as_str().unwrap_or_default();
    assert!(
        message.len() > 10 && error["code"].is_string() && error["type"].is_string(),
        "{what}: {}",
        answer.body
    );
    assert!(!message.contains("panic") && !message.contains(".rs:"), "{what}: {message}");
}

/// The server still does its work.
fn assert_goes_on(world: &World) {
    let answer = world.post_bytes("/v1/embed", &png(1, 1)).ok();
    assert_eq!(
        answer["embeddings"][0].as_array().map(Vec::len),
        answer["dimension"].as_u64().map(|n| n as usize)
    );
}

#[test]
fn what_is_no_picture_is_refused_and_the_server_goes_on() {
    let world = World::serving();
    let whole = encoded(&drawn(0, 1), ImageFormat::Jpeg);
    let mut flipped = png(0, 1);
    flipped[40] ^= 0xFF;
    let cases: [(&str, Vec<u8>); 8] = [
        ("empty", vec![]),
        ("text", b"this is not a picture, however long it goes on".to_vec()),
        ("a page", b"<!doctype html><title>cat.jpg</title>".to_vec()),
        ("a JPEG cut in half", whole[..whole.len() / 2].to_vec()),
        ("a JPEG's first bytes", whole[..4].to_vec()),
        ("a PNG cut short", png(0, 1)[..60].to_vec()),
        ("a PNG with a flipped byte", flipped),
        ("100,000 x 100,000 pixels", boundless_png(100_000)),
    ];
    world.put("/v1/collections/things").ok();
    for path in ["/v1/embed", "/v1/collections/things/records?id=a", "/v1/collections/things/search"] {
        for (what, bytes) in &cases {
            let answer = world.post_bytes(path, bytes);
            assert_refused(&format!("{what} to {path}"), &answer, &[400, 413, 415, 422]);
        }
        assert_goes_on(&world);
    }
    assert_eq!(world.get("/v1/collections/things").ok()["records"], 0);
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let world = World::serving();
    let picture = png(0, 0);
    for path in [
        "/v1/classify/nobody",
        "/v1/collections/nowhere/records?id=a",
        "/v1/collections/nowhere/search",
        "/v1/nothing",
    ] {
        assert_refused(path, &world.post_bytes(path, &picture), &[404]);
    }
    assert_refused("a collection", &world.get("/v1/collections/nowhere"), &[404]);
    let uri = |bytes: &[u8]| {
        use base64::Engine;
        format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
    };
    let unknown = json!({ "model": "nobody", "input": uri(&picture) });
    assert_refused("an unknown model", &world.post("/v1/embeddings", &unknown), &[404]);
    let known = json!({ "model": "random", "input": uri(&picture) });
    assert_eq!(world.post("/v1/embeddings", &known).ok()["data"][0]["index"], 0);
}

#[test]
fn json_that_is_not_what_was_asked_for_is_refused() {
    let world = World::serving();
    world.put("/v1/collections/things").ok();
    let cases: [(&str, Value); 8] = [
        ("/v1/embeddings", json!({})),
        ("/v1/embeddings", json!({ "input": "a sentence, not a picture" })),
        ("/v1/embeddings", json!({ "input": [1, 2, 3] })),
        ("/v1/embeddings", json!({ "input": "http://127.0.0.1/cat.png" })),
        ("/v1/collections/things/records", json!({ "records": [{ "id": "a" }] })),
        ("/v1/collections/things/records", json!({ "records": [{ "id": "a", "vector": [1.0] }] })),
        ("/v1/collections/things/search", json!({ "limit": 3 })),
        ("/v1/collections/things/search", json!({ "id": "nobody" })),
    ];
    for (path, body) in &cases {
        assert_refused(&format!("{body} to {path}"), &world.post(path, body), &[400, 404, 422]);
    }
    assert_goes_on(&world);
}
