//! From a picture sent in to its neighbours coming back, and the same after the server was away.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use simclr_models::{Encoder, Limits, OnnxEncoder, Picture};
use simclr_tests::World;
use simclr_tests::pictures::{self, png, real_pictures};

const CLASSES: u32 = 4;
const EACH: u32 = 6;

/// Every drawn picture as a record.
fn records() -> Value {
    let record = |class, index| {
        let image = STANDARD.encode(png(class, index));
        json!({ "id": format!("{class}/{index}"), "image": image, "payload": { "class": class } })
    };
    let all = (0..CLASSES).flat_map(|class| (0..EACH).map(move |index| record(class, index)));
    json!({ "records": all.collect::<Vec<_>>() })
}

fn neighbours(world: &World, bytes: &[u8], limit: usize) -> Vec<Value> {
    let answer = world.post_bytes(&format!("/v1/collections/drawn/search?limit={limit}"), bytes).ok();
    answer["neighbours"].as_array().expect("a list of neighbours").clone()
}

#[test]
fn a_picture_finds_itself_first_and_keeps_its_payload() {
    let world = World::serving();
    world.put("/v1/collections/drawn").ok();
    let stored = world.post("/v1/collections/drawn/records", &records()).ok();
    assert_eq!(stored, json!({ "inserted": CLASSES * EACH, "replaced": 0 }));
    for class in 0..CLASSES {
        let found = neighbours(&world, &png(class, 3), 3);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0]["id"], format!("{class}/3"));
        assert_eq!(found[0]["payload"]["class"], class);
        let scores: Vec<f64> = found.iter().filter_map(|n| n["score"].as_f64()).collect();
        assert!(scores[0] > 0.999 && scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    }
    let again = world.post("/v1/collections/drawn/records", &records()).ok();
    assert_eq!(again, json!({ "inserted": 0, "replaced": CLASSES * EACH }), "a second upload replaces");
}

#[test]
fn a_restart_loses_nothing_and_brings_nothing_back() {
    let mut world = World::serving();
    world.put("/v1/collections/drawn").ok();
    world.post("/v1/collections/drawn/records", &records()).ok();
    world.delete("/v1/collections/drawn/records/0%2F0").ok();
    let before: Vec<_> = (0..CLASSES).map(|class| neighbours(&world, &png(class, 1), 10)).collect();
    world.stop();
    world.start();
    let after: Vec<_> = (0..CLASSES).map(|class| neighbours(&world, &png(class, 1), 10)).collect();
    assert_eq!(before, after, "the same neighbours with the same scores");
    assert_eq!(world.get("/v1/collections/drawn").ok()["records"], CLASSES * EACH - 1);
    assert_eq!(world.get("/v1/collections/drawn/records/0%2F0").status, 404, "deleted stays deleted");
}

#[test]
fn the_server_embeds_as_the_library_does() {
    let world = World::serving();
    let artefact = world.artefact();
    let mut encoder = OnnxEncoder::open(&artefact, 1).expect("the encoder opens");
    for class in 0..CLASSES {
        let bytes = png(class, 2);
        let picture = Picture::decode(&bytes, &Limits::default()).expect("a picture");
        let batch = artefact.recipe().prepare_batch(&[picture]);
        let expected = encoder.embed(&batch).expect("an embedding").remove(0).into_vec();
        let answer = world.post_bytes("/v1/embed", &bytes).ok();
        let got: Vec<f32> = serde_json::from_value(answer["embeddings"][0].clone()).expect("numbers");
        let most = expected.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(got.len() == expected.len() && most < 1e-5, "class {class}: off by {most}");
    }
}

#[test]
fn real_pictures_find_themselves_after_a_restart() {
    let Some(folder) = real_pictures("real_pictures_find_themselves_after_a_restart") else {
        return;
    };
    let mut world = World::serving();
    world.put("/v1/collections/drawn").ok();
    let tiles: Vec<Vec<u8>> = (0..pictures::CIFAR10.len())
        .flat_map(|label| pictures::cifar10(&folder, "test", label, 5))
        .map(|tile| pictures::encoded(&tile, image::ImageFormat::Png))
        .collect();
    for (index, tile) in tiles.iter().enumerate() {
        world.post_bytes(&format!("/v1/collections/drawn/records?id=tile-{index:02}"), tile).ok();
    }
    world.stop();
    world.start();
    for (index, tile) in tiles.iter().enumerate() {
        assert_eq!(neighbours(&world, tile, 1)[0]["id"], format!("tile-{index:02}"));
    }
}
