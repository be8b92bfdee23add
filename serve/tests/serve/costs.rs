//! What one request may cost: lists have their limits before they are made, and long work is done beside the request threads.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use simclr_serve::{App, router};
use tower::ServiceExt;

use crate::classifying::{probe, save};
use crate::pictures::{base64, png};
use crate::world::{Fake, SIDE, World, artefact, ones};

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
    let many: Vec<String> = (0..1001).map(|n| format!("{n}")).collect();
    assert_eq!(ask(json!(many)).refused(413), "too_many_classifiers");
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

#[test]
fn long_json_is_read_beside_the_request_threads() {
    let long = "=".repeat(300 << 10);
    for path in ["/v1/embeddings", "/v1/embed", "/v2/models/tiny/infer"] {
        leaves_the_request_thread(&World::new(), path, &json!({ "input": long }));
    }
}

/// What follows is no JSON: it is reached only by whoever reads on.
#[test]
fn a_list_is_given_up_at_the_first_element_too_many() {
    let world = World::new();
    let folder = save(&world, &probe("one", artefact().space_key()));
    let server = world.server(|raw| {
        raw.classifiers = Some(folder);
        (raw.request_pictures_max, raw.request_records_max) = (Some(2), Some(3));
    });
    let client = &server.client;
    client.put("/v1/collections/c", &json!({"dimension": 1})).ok();
    let record = r#"{"id":"a","vector":[1]}"#;
    let cases = [
        ("/v1/embeddings", "input", r#""""#, 3, "too_many_pictures"),
        ("/v1/embed", "images", r#""""#, 3, "too_many_pictures"),
        ("/v1/embed", "images", r#"{"image":""}"#, 3, "too_many_pictures"),
        ("/v1/classify", "images", r#""""#, 3, "too_many_pictures"),
        ("/v1/classify", "embeddings", "[]", 4, "too_many_records"),
        ("/v1/classify", "classifiers", r#""one""#, 4, "too_many_classifiers"),
        ("/v1/collections/c/records", "records", record, 4, "too_many_records"),
    ];
    for (path, field, element, count, code) in cases {
        let body = format!("{{\"{field}\":[{} and no more", format!("{element},").repeat(count));
        let answer = client.post(path, "application/json", body.as_bytes());
        assert_eq!(answer.refused(413), code, "{path} {field}");
    }
    // What serde would make whole before it looks at it.
    let nested = client.post("/v1/embed", "application/json", br#"{"image":{"image":["", and no more"#);
    let message = nested.json()["error"]["message"].to_string();
    assert!(message.contains("expected a data URI"), "{message}");
}

#[test]
fn tensors_and_forms_are_given_up_at_the_first_picture_too_many() {
    let world = World::new();
    let server = world.server(|raw| raw.request_pictures_max = Some(2));
    let infer = |head: &str, binary: &[u8]| {
        let (length, body) = (head.len().to_string(), [head.as_bytes(), binary].concat());
        let headers = [("inference-header-content-length", length.as_str())];
        let answer = server.client.post_with("/v2/models/tiny/infer", &headers, &body);
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    };
    let refused = |(status, text): (u16, String), words: &str| {
        assert!(status == 413 && text.contains(words), "{status} {text}");
    };
    let pictures = r#"{"inputs":[{"name":"pictures","datatype":"BYTES","shape":[3],"#;
    let more = "more pictures than the 2 allowed";
    refused(infer(&format!("{pictures}\"data\":[\"\",\"\",\"\", and no more"), b""), more);
    // Three of no bytes, and one that is not there.
    let binary = [&[0; 12][..], &[0xff; 4]].concat();
    refused(infer(&format!("{pictures}\"parameters\":{{\"binary_data_size\":16}}}}]}}"), &binary), more);
    let tensor = vec![0; 3 * 4 * 3 * (SIDE * SIDE) as usize];
    let images = json!({"name": "images", "datatype": "FP32", "shape": [3, 3, SIDE, SIDE],
        "parameters": {"binary_data_size": tensor.len()}});
    refused(infer(&json!({ "inputs": [images] }).to_string(), &tensor), more);
    refused(infer(r#"{"inputs":[{"shape":[1,1,1,1,1,1,1,1,1, and no more"#, b""), "dimensions");

    let part = "--x\r\ncontent-disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\n\r\n";
    let form = format!("{}--x\r\nand no more", part.repeat(3));
    let answer = server.client.post("/v1/embed", "multipart/form-data; boundary=x", form.as_bytes());
    assert_eq!(answer.refused(413), "too_many_pictures");
}
