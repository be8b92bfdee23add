//! What one request may cost: long work is bounded, and is done beside the request threads.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use simclr_serve::{App, router};
use tower::ServiceExt;

use crate::classifying::{probe, save};
use crate::pictures::{base64, png};
use crate::world::{Fake, World, artefact, ones};

#[test]
fn each_classifier_is_asked_once_and_is_known_before_anything_is_embedded() {
    let world = World::new();
    let folder = save(&world, &probe("one", artefact().space_key()));
    let server = world.server(|raw| raw.classifiers = Some(folder));
    let ask = |names: Value| {
        let body = json!({"image": base64(&png(1)), "classifiers": names});
        server.client.post_json("/v1/classify", &body)
    };
    let twice = ask(json!(["one", "one"]));
    assert_eq!(twice.refused(400), "classifier_twice");
    assert_eq!(twice.json()["error"]["param"], "classifiers");
    assert_eq!(ask(json!(["one", "other"])).refused(404), "classifier_not_found");
    assert_eq!(server.client.metric("simclr_pictures_total"), Some(0.0), "a picture was embedded in vain");
    assert_eq!(ask(json!(["one"])).ok()["results"][0]["classifier"], "one");
}

/// With one thread for requests, whoever works on it keeps everybody else waiting.
fn leaves_the_request_thread(world: &World, path: &str, body: &Value) {
    let folder = save(world, &probe("one", artefact().space_key()));
    let config = world.config(|raw| raw.classifiers = Some(folder));
    let router = router(App::with_encoders(config, vec![Box::new(Fake(ones))]).unwrap());
    let ask = |method: &str, path: &str, body: String| {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        Box::pin(router.clone().oneshot(request.body(Body::from(body)).unwrap()))
    };
    let (asked, health) = (ask("POST", path, body.to_string()), ask("GET", "/health/live", String::new()));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
    // What is handed to the one thread beside it waits until health was asked.
    let (go, wait) = std::sync::mpsc::channel();
    runtime.spawn_blocking(move || wait.recv());
    runtime.block_on(async {
        let Either::Right((health, asked)) = select(asked, health).await else {
            panic!("{path} kept the request thread");
        };
        assert_eq!(health.unwrap().status(), StatusCode::OK);
        go.send(()).unwrap();
        let status = asked.await.unwrap().status();
        assert!(status == StatusCode::OK || status == StatusCode::BAD_REQUEST, "{status}");
    });
}

#[test]
fn classifiers_judge_beside_the_request_threads() {
    let rows = vec![vec![0.5; artefact().embedding_len()]; 20];
    leaves_the_request_thread(&World::new(), "/v1/classify", &json!({ "embeddings": rows }));
}
