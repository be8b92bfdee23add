//! `/v1/classify` and `/v1/classifiers`, and probes that do not belong to the encoder.

use serde_json::{Value, json};
use simclr_eval::probe::{Kind, Probe};
use simclr_serve::App;

use crate::pictures::{base64, embedding_of, png};
use crate::world::{World, artefact};

/// Class `i` looks at number `i` of the embedding alone.
pub(crate) fn probe(name: &str, space_key: &str) -> Probe {
    let embedding_len = artefact().embedding_len();
    let classes = 7;
    let weight =
        (0..classes * embedding_len).map(|i| f32::from(u8::from(i % embedding_len == i / embedding_len)));
    Probe {
        name: name.to_owned(),
        data: "made up".to_owned(),
        classes: (0..classes).map(|i| format!("class {i}")).collect(),
        space_key: space_key.to_owned(),
        embedding_len,
        penalty: 0.5,
        rows: 3,
        score: Some(12.5),
        validation: None,
        kind: Kind::Softmax,
        weight: weight.collect(),
        bias: vec![0.0; classes],
    }
}

pub(crate) fn save(world: &World, probe: &Probe) -> std::path::PathBuf {
    let folder = world.file("probes");
    std::fs::create_dir_all(&folder).unwrap();
    probe.save(&folder.join(format!("{}.safetensors", probe.name))).unwrap();
    folder
}

#[test]
fn labels_come_most_probable_first() {
    let world = World::new();
    let probe = probe("made-up", artefact().space_key());
    let folder = save(&world, &probe);
    let server = world.server(|raw| raw.classifiers = Some(folder));
    let list = server.client.get("/v1/classifiers").ok();
    assert_eq!(list["classifiers"][0]["name"], "made-up");
    assert_eq!(list["classifiers"][0]["classes"].as_array().unwrap().len(), 7);
    assert_eq!(list["classifiers"][0]["score"], 12.5);

    let file = png(1);
    let mut expected: Vec<(f32, usize)> =
        probe.predict(&embedding_of(&file)).unwrap().into_iter().zip(0..).collect();
    expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let answer = server.client.post("/v1/classify/made-up", "image/png", &file).ok();
    let top = answer["predictions"][0]["top"].as_array().unwrap();
    assert_eq!(top.len(), 5);
    for (label, (probability, class)) in top.iter().zip(expected) {
        assert_eq!(label["label"], format!("class {class}"));
        assert!((label["probability"].as_f64().unwrap() as f32 - probability).abs() < 1e-4);
    }
    let body = json!({"images": [base64(&file), base64(&png(2))], "top_k": 2});
    let two = server.client.post_json("/v1/classify/made-up", &body).ok();
    assert_eq!(two["predictions"][1]["index"], 1);
    assert_eq!(two["predictions"][1]["top"].as_array().unwrap().len(), 2);
    let form = [("image", Some("a.png"), &file[..]), ("top_k", None, b"1")];
    let one = server.client.post_form("/v1/classify/made-up", &form).ok();
    assert_eq!(one["predictions"][0]["top"].as_array().unwrap().len(), 1);

    assert_eq!(server.client.post("/v1/classify/made-up?top_k=0", "", &file).refused(400), "invalid_top_k");
    assert_eq!(server.client.post("/v1/classify/other", "", &file).refused(404), "classifier_not_found");
}

#[test]
fn a_probe_of_another_encoder_is_refused_at_start() {
    let world = World::new();
    let folder = save(&world, &probe("foreign", "0123456789abcdef"));
    let error = App::open(world.config(|raw| raw.classifiers = Some(folder))).err().unwrap().to_string();
    assert!(error.contains("foreign.safetensors") && error.contains("0123456789abcdef"), "{error}");
    assert!(error.contains(artefact().space_key()), "{error}");
}

#[test]
fn a_file_that_is_no_probe_is_refused_at_start() {
    let world = World::new();
    let folder = world.file("probes");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("readme.txt"), "not looked at").unwrap();
    std::fs::write(folder.join("torn.safetensors"), b"\x08\0\0\0").unwrap();
    let error = App::open(world.config(|raw| raw.classifiers = Some(folder))).err().unwrap().to_string();
    assert!(error.contains("torn.safetensors"), "{error}");
}

#[test]
fn a_folder_that_is_not_there_is_refused_at_start() {
    let world = World::new();
    let folder = world.file("nowhere");
    let error = App::open(world.config(|raw| raw.classifiers = Some(folder))).err().unwrap().to_string();
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn several_classifiers_share_one_pass_and_ready_embeddings_need_none() {
    let world = World::new();
    let one = probe("one", artefact().space_key());
    let marks = Probe { name: "marks".to_owned(), kind: Kind::OneVsRest, ..one.clone() };
    save(&world, &one);
    let folder = save(&world, &marks);
    let server = world.server(|raw| raw.classifiers = Some(folder));
    let list = server.client.get("/v1/classifiers").ok();
    assert_eq!(
        (&list["classifiers"][0]["name"], &list["classifiers"][0]["kind"]),
        (&json!("marks"), &json!("one-vs-rest"))
    );
    let file = png(1);
    let both = server.client.post("/v1/classify?top_k=7", "", &file).ok();
    assert_eq!(server.client.metric("simclr_pictures_total"), Some(1.0));
    let sum = |result: &Value| -> f64 {
        let top = result["predictions"][0]["top"].as_array().unwrap();
        top.iter().map(|label| label["probability"].as_f64().unwrap()).sum()
    };
    assert_eq!(
        (&both["results"][0]["classifier"], &both["results"][1]["classifier"]),
        (&json!("marks"), &json!("one"))
    );
    assert!((sum(&both["results"][1]) - 1.0).abs() < 1e-4);
    let expected: f32 = marks.predict(&embedding_of(&file)).unwrap().iter().sum();
    assert!((sum(&both["results"][0]) - f64::from(expected)).abs() < 1e-3 && expected > 1.5);
    let body = json!({"embeddings": [embedding_of(&file)], "top_k": 7, "classifiers": ["marks"]});
    let ready = server.client.post_json("/v1/classify", &body).ok();
    assert!((sum(&ready["results"][0]) - f64::from(expected)).abs() < 1e-3);
    assert_eq!(
        server.client.metric("simclr_pictures_total"),
        Some(1.0),
        "ready embeddings were embedded again"
    );
    let short = json!({"embeddings": [[1.0, 2.0]]});
    assert_eq!(server.client.post_json("/v1/classify/one", &short).refused(400), "wrong_dimension");
}

/// Records in two classes by their second number, with vectors of the model's length.
fn labelled(server: &crate::world::Server, count: usize) {
    let dimension = artefact().embedding_len();
    server.client.put("/v1/collections/shots", &Value::Null).ok();
    let record = |n: usize| {
        let side = if n.is_multiple_of(2) { 3.0 } else { -3.0 };
        let vector: Vec<f64> = (0..dimension)
            .map(|i| if i == 1 { side } else { ((n * 31 + i * 17) % 13) as f64 / 13.0 })
            .collect();
        let label = if n.is_multiple_of(2) { "even" } else { "odd" };
        json!({ "id": format!("{n}"), "vector": vector, "payload": { "what": { "kind": label }, "n": n } })
    };
    let records: Vec<Value> = (0..count).map(record).collect();
    server.client.post_json("/v1/collections/shots/records", &json!({ "records": records })).ok();
}

#[test]
fn a_classifier_is_made_of_labelled_records_and_answers_at_once() {
    let world = World::new();
    let server = world.server(|_| ());
    labelled(&server, 60);
    let client = &server.client;
    let body = json!({ "collection": "shots", "field": "what.kind" });
    let made = client.put("/v1/classifiers/parity", &body);
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let made = made.json();
    assert_eq!((&made["classes"], &made["rows"]), (&json!(["even", "odd"]), &json!(60)));
    assert_eq!((&made["validation"]["top1"], &made["validation"]["rows"]), (&json!(100.0), &json!(12)));
    assert!(made["validation"]["calibration_error"].as_f64().unwrap() < 20.0, "{made}");
    assert_eq!((&made["can_be_deleted"], &made["data"]), (&json!(true), &json!("shots by what.kind")));
    assert_eq!(client.get("/v1/classifiers/parity").ok(), made);
    let vector = client.get("/v1/collections/shots/records/7").ok()["vector"].clone();
    let ask = |client: &crate::client::Client| {
        client.post_json("/v1/classify/parity", &json!({ "embeddings": [vector], "top_k": 1 })).ok()
    };
    assert_eq!(ask(client)["predictions"][0]["top"][0]["label"], "odd");
    assert_eq!(client.put("/v1/classifiers/parity", &body).status, 200, "made again, it takes its place");
    drop(server);

    let server = world.server(|_| ());
    assert_eq!(ask(&server.client)["predictions"][0]["top"][0]["label"], "odd", "it is still there");
    assert_eq!(server.client.get("/v1/classifiers/parity").ok(), made);
    assert_eq!(server.client.delete("/v1/classifiers/parity").status, 204);
    assert_eq!(server.client.delete("/v1/classifiers/parity").refused(404), "classifier_not_found");
    assert_eq!(
        server.client.post_json("/v1/classify/parity", &json!({ "embeddings": [vector] })).refused(404),
        "classifier_not_found"
    );
    drop(server);
    assert_eq!(world.server(|_| ()).client.get("/v1/classifiers").ok()["classifiers"], json!([]));
}

#[test]
fn what_no_classifier_can_be_made_of_is_refused() {
    let world = World::new();
    let folder = save(&world, &probe("mine", artefact().space_key()));
    let server = world.server(|raw| raw.classifiers = Some(folder));
    labelled(&server, 10);
    let client = &server.client;
    let put = |name: &str, body: &Value, status| {
        client.put(&format!("/v1/classifiers/{name}"), body).refused(status)
    };
    let by = |field: &str| json!({ "collection": "shots", "field": field });
    assert_eq!(put("a", &by("nothing"), 422), "labels_unusable");
    assert_eq!(put("a", &by("n"), 422), "labels_unusable", "each label once: nothing to judge on");
    assert_eq!(put("a", &json!({ "collection": "none", "field": "n" }), 404), "collection_not_found");
    assert_eq!(put("a", &json!({ "collection": "shots" }), 400), "invalid_classifier");
    assert_eq!(put("a", &Value::Null, 400), "invalid_classifier");
    assert_eq!(put(".a", &by("what.kind"), 400), "invalid_classifier_name");
    assert_eq!(put("a%2Fb", &by("what.kind"), 400), "invalid_classifier_name");
    client.put("/v1/collections/elsewhere", &json!({ "dimension": 3 })).ok();
    let records: Vec<Value> = (0..12)
        .map(|n| json!({ "id": format!("{n}"), "vector": [n % 2, 1, n], "payload": { "l": n % 2 } }))
        .collect();
    client.post_json("/v1/collections/elsewhere/records", &json!({ "records": records })).ok();
    let elsewhere = json!({ "collection": "elsewhere", "field": "l" });
    assert_eq!(put("a", &elsewhere, 409), "space_key_mismatch", "no model here could ask it");
    let evaluation = json!({ "evaluation": "x", "encoder": "tiny", "dataset": "d" });
    assert_eq!(put("a", &evaluation, 404), "evaluation_not_found");
    // One of the folder named can be replaced: its file is.
    assert_eq!(client.put("/v1/classifiers/mine", &by("what.kind")).status, 200);
    assert_eq!(client.get("/v1/classifiers/mine").ok()["classes"], json!(["even", "odd"]));
}
