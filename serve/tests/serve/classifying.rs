//! `/v1/classify` and `/v1/classifiers`, and probes that do not belong to the encoder.

use serde_json::{Value, json};
use simclr_eval::probe::{Kind, Probe};
use simclr_serve::App;

use crate::pictures::{base64, embedding_of, png};
use crate::world::{World, artefact};

/// Class `i` looks at number `i` of the embedding alone.
fn probe(name: &str, space_key: &str) -> Probe {
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

fn save(world: &World, probe: &Probe) -> std::path::PathBuf {
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
