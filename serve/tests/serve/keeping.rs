//! Collections that keep pictures: thumbnails and originals come back as long as their records are there.

use std::process::Command;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use simclr_search::ContentHash;

use crate::client::Client;
use crate::pictures::{base64, encoded, png};
use crate::world::World;

const PATH: &str = "/v1/collections/cats";

/// A picture larger than a thumbnail.
fn large() -> Vec<u8> {
    let pixel = |x: u32, y: u32| Rgb([(x / 3) as u8, (y / 2) as u8, 99]);
    encoded(&RgbImage::from_fn(600, 300, pixel), ImageFormat::Jpeg)
}

fn keep(thumbnails: bool, originals: bool) -> Value {
    json!({"keep": {"thumbnails": thumbnails, "originals": originals}})
}

fn upsert(client: &Client, id: &str, picture: &[u8]) -> Value {
    client.post(&format!("{PATH}/records?id={id}"), "image/png", picture).ok()
}

fn address(picture: &[u8], kind: &str) -> String {
    format!("{PATH}/pictures/{}/{kind}", ContentHash::of(picture))
}

#[test]
fn a_snapshot_has_the_pictures() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put(PATH, &keep(true, true)).ok();
    upsert(client, "small", &png(1));
    upsert(client, "large", &large());
    let kept = [png(1), large()]
        .map(|picture| ["thumbnail", "original"].map(|kind| client.get(&address(&picture, kind)).body));
    let file = world.file("cats.parquet");
    std::fs::write(&file, client.get(&format!("{PATH}/snapshot")).body).unwrap();
    client.delete(PATH);
    drop(server);
    let mut restore = Command::new(env!("CARGO_BIN_EXE_simclr-serve"));
    restore.args(["restore", "cats"]).arg(&file).arg("--data-dir").arg(world.file("data"));
    assert!(restore.status().unwrap().success());
    let server = world.server(|_| ());
    for (picture, kept) in [png(1), large()].iter().zip(kept) {
        let found = ["thumbnail", "original"].map(|kind| server.client.get(&address(picture, kind)).body);
        assert!(found == kept && kept[1] == *picture);
    }
}

#[test]
fn pictures_come_back_until_their_records_go() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    let made = client.put(PATH, &keep(true, true)).ok();
    assert_eq!((&made["keep"], &made["dtype"]), (&keep(true, true)["keep"], &json!("f32")));
    upsert(client, "small", &png(1));
    upsert(client, "large", &large());
    for picture in [png(1), large()] {
        let original = client.get(&address(&picture, "original"));
        assert_eq!((original.status, &original.body), (200, &picture));
        assert_eq!(original.header("x-content-type-options"), "nosniff");
        assert!(original.header("cache-control").contains("private"));
    }
    assert_eq!(client.get(&address(&png(1), "original")).header("content-type"), "image/png");
    assert_eq!(client.get(&address(&large(), "original")).header("content-type"), "image/jpeg");
    let found = client.post(&format!("{PATH}/search?limit=2"), "", &large()).ok();
    assert_eq!(found["neighbours"][0]["content_sha256"], ContentHash::of(&large()).to_string());
    let url = found["neighbours"][0]["thumbnail_url"].as_str().unwrap();
    assert_eq!(url, address(&large(), "thumbnail"));
    let small = client.get(url);
    assert_eq!(small.header("content-type"), "image/jpeg");
    let picture = image::load_from_memory(&small.body).unwrap();
    assert_eq!((picture.width(), picture.height()), (192, 96));
    // A small picture's thumbnail has every pixel.
    let thumbnail = client.get(&address(&png(1), "thumbnail")).body;
    let pixels = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().to_rgb8();
    assert_eq!(pixels(&thumbnail), pixels(&png(1)));
    let record = client.get(&format!("{PATH}/records/large")).ok();
    assert_eq!(record["thumbnail_url"], url);
    let page = client.get(&format!("{PATH}/records")).ok();
    assert_eq!(page["records"][0]["thumbnail_url"], url);
    let bare = client.post(&format!("{PATH}/search?with_payload=false"), "", &large()).ok();
    assert!(bare["neighbours"][0].get("thumbnail_url").is_none());

    client.delete(&format!("{PATH}/records/large"));
    assert_eq!(client.get(url).refused(404), "picture_not_found");
    assert_eq!(client.get(&format!("{PATH}/pictures/abc/thumbnail")).refused(400), "invalid_content");
    drop(server);
    let server = world.server(|_| ());
    assert_eq!(server.client.get(&address(&png(1), "original")).body, png(1));
    assert_eq!(server.client.get(PATH).ok()["keep"], keep(true, true)["keep"]);
}

#[test]
fn what_is_not_asked_for_is_not_kept_and_what_is_there_stays_as_it_is() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put(PATH, &Value::Null).ok();
    upsert(client, "a", &png(1));
    assert_eq!(client.get(&address(&png(1), "thumbnail")).refused(404), "picture_not_found");
    assert!(client.get(&format!("{PATH}/records/a")).ok().get("thumbnail_url").is_none());
    assert_eq!(client.put(PATH, &keep(true, false)).refused(409), "collection_exists");
    client.delete(PATH);
    let halved = json!({"keep": {"thumbnails": true}, "dtype": "f16"});
    assert_eq!(client.put(PATH, &halved).status, 201);
    let same = client.put(PATH, &Value::Null);
    assert_eq!((same.status, &same.ok()["dtype"]), (200, &json!("f16")), "what is not named is as it is");
    assert_eq!(client.put(PATH, &json!({"dtype": "f32"})).refused(409), "collection_exists");
    assert_eq!(client.put(PATH, &json!({"keep": {"thumbnails": true}})).status, 200);
    assert_eq!(client.put(PATH, &json!({"dtype": "f64"})).refused(400), "invalid_json");
    assert_eq!(client.put(PATH, &json!({"keep": {"videos": true}})).refused(400), "invalid_json");
    upsert(client, "a", &png(1));
    assert_eq!(client.get(&address(&png(1), "original")).refused(404), "picture_not_found");
    assert_eq!(client.get(&address(&png(1), "thumbnail")).status, 200);
    let dimension = client.get(PATH).ok()["dimension"].as_u64().unwrap();
    let huge = json!({"records": [{"id": "b", "vector": vec![7e4; dimension as usize]}]});
    assert_eq!(client.post_json(&format!("{PATH}/records"), &huge).refused(400), "not_in_16_bits");
}

#[test]
fn what_is_there_already_can_be_left_out() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put(PATH, &keep(true, false)).ok();
    let path = format!("{PATH}/records");
    upsert(client, "one", &png(1));
    let record = |id: &str, n: u8| json!({"id": id, "image": base64(&png(n))});
    let records =
        [record("one", 1), record("two", 2), record("again", 1), record("two too", 2), record("three", 3)];
    let body = json!({"records": records, "skip_duplicates": true});
    let answer = client.post_json(&path, &body).ok();
    let skipped = json!([
        {"id": "one", "of": "one"}, {"id": "again", "of": "one"}, {"id": "two too", "of": "two"}
    ]);
    assert_eq!(answer, json!({"inserted": 2, "replaced": 0, "skipped": skipped}));
    assert_eq!(client.get(&address(&png(3), "thumbnail")).status, 200);
    assert_eq!(client.get(PATH).ok()["records"], 3);
    // The same by the query, for a picture that is not in JSON; and nobody's vectors that say what they are of.
    let again = client.post(&format!("{path}?id=x&skip_duplicates=true"), "image/png", &png(2)).ok();
    assert_eq!(again, json!({"inserted": 0, "replaced": 0, "skipped": [{"id": "x", "of": "two"}]}));
    let vector = client.get(&format!("{path}/one")).ok()["vector"].clone();
    let hash = ContentHash::of(&png(1)).to_string();
    let by_vector = json!({"records": [{"id": "v", "vector": vector, "content_sha256": hash}]});
    let skipped = client.post_json(&format!("{path}?skip_duplicates=true"), &by_vector).ok();
    assert_eq!(skipped["skipped"], json!([{"id": "v", "of": "one"}]));
    assert_eq!(client.get(PATH).ok()["records"], 3);
    // One broken picture still fails the request, also beside those that are left out.
    let broken = json!({"records": [record("a", 1), {"id": "b", "image": base64(b"no picture")}]});
    assert_eq!(
        client.post_json(&format!("{path}?skip_duplicates=true"), &broken).refused(422),
        "picture_unknown_format"
    );
}

#[test]
fn nothing_is_left_out_because_of_a_record_that_the_request_replaces() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put(PATH, &Value::Null).ok();
    upsert(client, "one", &png(1));
    let record = |id: &str, n: u8| json!({"id": id, "image": base64(&png(n))});
    let skip = |records: Value| {
        let body = json!({"records": records, "skip_duplicates": true});
        client.post_json(&format!("{PATH}/records"), &body).ok()
    };
    // The only record of picture 1 becomes picture 2's, so picture 1 needs the other.
    let answer = skip(json!([record("other", 1), record("one", 2)]));
    assert_eq!((&answer["inserted"], &answer["replaced"]), (&json!(1), &json!(1)));
    assert!(answer.get("skipped").is_none(), "{answer}");
    let hash = |id: &str| client.get(&format!("{PATH}/records/{id}")).ok()["content_sha256"].clone();
    assert_eq!(hash("other"), ContentHash::of(&png(1)).to_string());
    // The same within a request: `a` ends as picture 4.
    let answer = skip(json!([record("a", 3), record("b", 3), record("a", 4)]));
    assert!(answer.get("skipped").is_none(), "{answer}");
    assert_eq!(
        (hash("a"), hash("b")),
        (json!(ContentHash::of(&png(4)).to_string()), json!(ContentHash::of(&png(3)).to_string()))
    );
}

#[test]
fn of_one_id_twice_the_last_stays_whatever_is_there() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put(PATH, &Value::Null).ok();
    upsert(client, "x", &png(1));
    let record = |id: &str, n: u8| json!({"id": id, "image": base64(&png(n))});
    let body = json!({"records": [record("x", 2), record("y", 1), record("x", 1)], "skip_duplicates": true});
    let answer = client.post_json(&format!("{PATH}/records"), &body).ok();
    let skipped = json!([{"id": "y", "of": "x"}, {"id": "x", "of": "x"}]);
    assert_eq!(answer, json!({"inserted": 0, "replaced": 0, "skipped": skipped}));
    let hash = client.get(&format!("{PATH}/records/x")).ok()["content_sha256"].clone();
    assert_eq!(hash, ContentHash::of(&png(1)).to_string());
}

#[test]
fn a_picture_beside_a_vector_is_only_kept() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    let made =
        json!({"dimension": 3, "space_key": "elsewhere", "keep": {"thumbnails": true, "originals": true}});
    client.put(PATH, &made).ok();
    let store = |record: Value| client.post_json(&format!("{PATH}/records"), &json!({ "records": [record] }));
    store(json!({"id": "a", "vector": [1, 2, 3], "image": base64(&png(1))})).ok();
    let record = client.get(&format!("{PATH}/records/a")).ok();
    assert_eq!(record["vector"], json!([1.0, 2.0, 3.0]));
    assert_eq!(record["content_sha256"], ContentHash::of(&png(1)).to_string());
    assert_eq!(client.get(&address(&png(1), "original")).body, png(1));
    assert_eq!(client.get(record["thumbnail_url"].as_str().unwrap()).status, 200);
    let other = ContentHash::of(&png(2)).to_string();
    let wrong = json!({"id": "b", "vector": [1, 2, 3], "image": base64(&png(1)), "content_sha256": other});
    assert_eq!(store(wrong).refused(400), "content_mismatch");
    assert_eq!(store(json!({"id": "b", "vector": [1, 2, 3], "image": "!"})).refused(400), "invalid_base64");
    let bytes = base64(b"no picture");
    assert_eq!(
        store(json!({"id": "b", "vector": [1, 2, 3], "image": bytes})).refused(422),
        "picture_unknown_format"
    );
    assert_eq!(store(json!({"id": "b"})).refused(400), "invalid_record");
}

#[test]
fn a_vector_brings_its_thumbnail_itself() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put(PATH, &keep(true, true)).ok();
    upsert(client, "a", &png(1));
    let vector = client.get(&format!("{PATH}/records/a")).ok()["vector"].clone();
    let store = |more: Value| {
        let mut record = json!({"id": "b", "vector": vector});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.post_json(&format!("{PATH}/records"), &json!({ "records": [record] }))
    };
    let hash = ContentHash::of(b"a picture elsewhere").to_string();
    store(json!({"content_sha256": hash, "thumbnail": base64(&large())})).ok();
    let url = client.get(&format!("{PATH}/records/b")).ok()["thumbnail_url"].as_str().unwrap().to_owned();
    assert_eq!(image::load_from_memory(&client.get(&url).body).unwrap().width(), 192, "made small");
    assert_eq!(client.get(&url.replace("thumbnail", "original")).refused(404), "picture_not_found");
    // Stored again with the same content and without it, it has its thumbnail still.
    store(json!({"content_sha256": hash, "payload": 1})).ok();
    assert_eq!(client.get(&url).status, 200);
    for wrong in [
        json!({"thumbnail": base64(&png(1))}),
        json!({"content_sha256": hash, "thumbnail": base64(b"<svg/>")}),
        json!({"content_sha256": hash, "thumbnail": "https://example.org/a.png"}),
    ] {
        assert_eq!(store(wrong).refused(400), "invalid_thumbnail");
    }
}

#[test]
fn relaxed_durability_is_a_named_choice() {
    let world = World::new();
    let server = world.server(|raw| raw.durability = Some("relaxed".to_owned()));
    server.client.put(PATH, &Value::Null).ok();
    upsert(&server.client, "a", &png(1));
    assert_eq!(server.client.post(&format!("{PATH}/search"), "", &png(1)).ok()["neighbours"][0]["id"], "a");
    drop(server);
    assert_eq!(world.server(|_| ()).client.get(PATH).ok()["records"], 1, "stopping syncs");
}
