//! A folder of models that is watched: new and changed models are loaded, broken ones leave the old in its place.

use std::path::Path;

use serde_json::json;

use crate::pictures::png;
use crate::world::{World, make_artefact, until};

/// Puts a model in place at once, as a careful deployment does.
fn place(folder: &Path, name: &str, seed: u64) {
    let beside = folder.with_file_name(format!("{name}-{seed}"));
    make_artefact(&beside, name, seed);
    let target = folder.join(name);
    if target.exists() {
        std::fs::rename(&target, folder.with_file_name(format!("{name}-old-{seed}"))).unwrap();
    }
    std::fs::rename(beside, target).unwrap();
}

#[test]
fn what_is_new_or_changed_is_loaded_and_what_is_broken_is_not() {
    let world = World::new();
    let folder = world.file("models");
    std::fs::create_dir(&folder).unwrap();
    place(&folder, "one", 1);
    let models_dir = folder.clone();
    let server = world.server(|raw| {
        (raw.model, raw.models_dir, raw.watch_models_ms) = (None, Some(models_dir), Some(10));
    });
    let client = &server.client;
    let key = |name: &str| client.get(&format!("/v1/models/{name}")).json_or_null()["space_key"].clone();
    let loads = |outcome: &str| {
        client.metric(&format!("simclr_model_loads_total{{outcome=\"{outcome}\"}}")).unwrap_or(0.0)
    };
    let first = key("one");
    assert!(first.is_string());

    place(&folder, "two", 2);
    until("the new model answers", || key("two").is_string());
    client.post("/v1/embed?model=two", "", &png(1)).ok();

    place(&folder, "one", 3);
    until("the changed model answers", || key("one") != first);
    let second = key("one");

    // Under requests, as it would be.
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            for _ in 0..100 {
                client.post("/v1/embed?model=one", "", &png(1)).ok();
            }
        });
        let before = loads("failed");
        std::fs::write(folder.join("one/encoder.onnx"), b"torn").unwrap();
        until("the broken model was tried", || loads("failed") > before);
        asking.join().unwrap();
    });
    assert_eq!(key("one"), second, "a model that is broken took the place of one that was not");
    assert_eq!(client.get("/health/ready").ok(), json!({"status": "ready"}));

    let before = loads("loaded");
    place(&folder, "one", 4);
    until("it is loaded once it is whole again", || loads("loaded") > before);
    assert_ne!(key("one"), second);
    // A folder that is gone takes nothing away, and what a request unloaded stays so while its files do not change.
    std::fs::remove_dir_all(folder.join("two")).unwrap();
    client.delete("/v1/models/one");
    place(&folder, "three", 5);
    until("the third model answers", || key("three").is_string());
    assert!(key("two").is_string() && key("one").is_null());
}
