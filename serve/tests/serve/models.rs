//! Several models: loaded from a folder, asked by name, loaded again and unloaded while requests run.

use std::path::PathBuf;

use serde_json::json;
use simclr_models::Artefact;

use crate::pictures::{assert_near, base64, embedding_by, floats, png};
use crate::world::{Server, World, make_artefact};

struct Two {
    folder: PathBuf,
    first: Artefact,
    server: Server,
}

/// `one` and `two`, of different weights, in a folder of models; neither is the default.
fn two(world: &World) -> Two {
    let folder = world.file("models");
    let first = make_named(&folder, "one", 1);
    make_named(&folder, "two", 2);
    let models_dir = folder.clone();
    let server = world.server(|raw| (raw.model, raw.models_dir) = (None, Some(models_dir)));
    Two { folder, first, server }
}

fn make_named(folder: &std::path::Path, name: &str, seed: u64) -> Artefact {
    make_artefact(&folder.join(name), name, seed)
}

#[test]
fn each_answers_by_its_name_and_none_by_default() {
    let world = World::new();
    let Two { first, server, .. } = two(&world);
    let client = &server.client;
    let file = png(1);
    assert_eq!(client.post("/v1/embed", "", &file).refused(400), "model_required");
    let one = client.post("/v1/embed?model=one", "", &file).ok();
    assert_near(&floats(&one["embeddings"][0]), &embedding_by(&first, &file));
    let body = json!({"model": "two", "input": base64(&file)});
    let two = client.post_json("/v1/embeddings", &body).ok();
    assert_eq!(two["model"], "two");
    assert_ne!(one["space_key"], two["space_key"]);
    assert_eq!(client.get("/v1/models").ok()["data"].as_array().unwrap().len(), 2);
    assert_eq!(client.get("/v1/describe?model=two").ok()["models"], json!(["one", "two"]));
    // A collection remembers whose embeddings it holds.
    client.put("/v1/collections/c", &json!({"model": "two"})).ok();
    client.post("/v1/collections/c/records?id=a", "", &file).ok();
    let found = client.post("/v1/collections/c/search", "", &file).ok();
    assert!(found["neighbours"][0]["score"].as_f64().unwrap() > 0.999);
}

#[test]
fn a_model_is_unloaded_and_loaded_again_and_a_failed_load_keeps_the_old() {
    let world = World::new();
    let Two { folder, server, .. } = two(&world);
    let client = &server.client;
    let key = |name: &str| client.get(&format!("/v1/models/{name}")).ok()["space_key"].clone();
    assert_eq!(client.delete("/v1/models/one").status, 204);
    assert_eq!(client.delete("/v1/models/one").refused(404), "model_not_found");
    assert_eq!(client.post("/v1/embed?model=one", "", &png(1)).refused(404), "model_not_found");
    let index = client.post_json("/v2/repository/index", &json!({})).ok();
    assert_eq!(index[0]["name"], "two");
    assert_eq!((&index[1]["name"], &index[1]["state"]), (&json!("one"), &json!("UNAVAILABLE")));
    // The only one that is left needs no name.
    client.post("/v1/embed", "", &png(1)).ok();
    assert_eq!(client.put("/v1/models/one", &json!(null)).status, 201);

    let before = key("two");
    std::fs::remove_dir_all(folder.join("two")).unwrap();
    make_named(&folder, "two", 3);
    assert_eq!(client.put("/v1/models/two", &json!(null)).status, 200);
    let after = key("two");
    assert_ne!(before, after);
    std::fs::write(folder.join("two/encoder.onnx"), b"torn").unwrap();
    assert_eq!(client.put("/v1/models/two", &json!(null)).refused(422), "model_not_loaded");
    assert_eq!(client.post_json("/v2/repository/models/two/load", &json!({})).status, 422);
    assert_eq!(key("two"), after);
    client.post("/v1/embed?model=two", "", &png(1)).ok();
    for name in ["..", "%2E%2E%2Fone", "nowhere", "."] {
        assert!(client.put(&format!("/v1/models/{name}"), &json!(null)).status >= 400);
    }
}

#[test]
fn requests_in_flight_finish_with_the_model_they_began_with() {
    let world = World::new();
    let Two { first, server, .. } = two(&world);
    let file = png(1);
    let expected = embedding_by(&first, &file);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            for _ in 0..200 {
                let answer = server.client.post("/v1/embed?model=one", "", &file).ok();
                assert_near(&floats(&answer["embeddings"][0]), &expected);
            }
        });
        while !asking.is_finished() {
            server.client.put("/v1/models/one", &json!(null)).ok();
        }
        asking.join().unwrap();
    });
}

#[test]
fn sessions_are_as_given_or_one_of_the_shapes_measured() {
    let world = World::new();
    let parallel = |sessions: Option<usize>, threads: Option<usize>| {
        let server = world.server(|raw| (raw.sessions, raw.session_threads) = (sessions, threads));
        server.client.post("/v1/embed", "", &png(1)).ok();
        server.client.get("/v1/describe").ok()["parallel"].clone()
    };
    let given = json!({"sessions": 3, "session_threads": 1, "lone_session_threads": null, "measured": []});
    assert_eq!(parallel(Some(3), Some(1)), given);
    let chosen = parallel(None, None);
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    let product = |shape: &serde_json::Value| {
        shape["sessions"].as_u64().unwrap() * shape["session_threads"].as_u64().unwrap()
    };
    assert_eq!(product(&chosen), cores, "{chosen}");
    let measured = chosen["measured"].as_array().unwrap();
    assert!(
        measured.iter().all(|one| product(one) == cores && one["pictures_per_second"].as_f64() > Some(0.0))
    );
    assert!(measured.iter().any(|one| one["sessions"] == chosen["sessions"]), "{chosen}");
    let lone = &chosen["lone_session_threads"];
    assert!(lone.is_null() || (*lone == cores && chosen["sessions"] != 1), "{chosen}");
}
