//! `/v1/embed` and `/v1/embeddings`: every way in and every way out gives the embedding the models crate gives.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::ImageFormat;
use serde_json::{Value, json};

use crate::pictures::{assert_near, base64, data_uri, embedding_of, encoded, floats, picture, png};
use crate::world::World;

#[test]
fn raw_bytes_of_every_format_whatever_they_are_called() {
    let (world, png) = (World::new(), png(1));
    let server = world.server(|_| ());
    let expected = embedding_of(&png);
    for kind in ["image/png", "application/octet-stream", "application/x-www-form-urlencoded", "image/jpeg"] {
        let answer = server.client.post("/v1/embed", kind, &png).ok();
        assert_near(&floats(&answer["embeddings"][0]), &expected);
        assert_eq!(answer["model"], "tiny");
        assert_eq!(answer["dimension"], expected.len());
        assert_eq!(answer["space_key"].as_str().unwrap().len(), 16);
        assert_eq!(answer["usage"]["pictures"], 1);
        assert_eq!(answer["usage"]["pixels"], 256);
    }
    for format in [ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp] {
        let file = encoded(&picture(2), format);
        let answer = server.client.post("/v1/embed", "", &file).ok();
        assert_near(&floats(&answer["embeddings"][0]), &embedding_of(&file));
    }
}

#[test]
fn forms_and_json_keep_the_order() {
    let world = World::new();
    let server = world.server(|_| ());
    let files = [png(1), png(2), png(3)];
    let form = server.client.post_form(
        "/v1/embed",
        &[("a", Some("1.png"), &files[0]), ("b", Some("2.png"), &files[1]), ("c", Some("3.png"), &files[2])],
    );
    let images = json!([data_uri(&files[0]), base64(&files[1]), {"image": data_uri(&files[2])}]);
    let listed = server.client.post_json("/v1/embed", &json!({ "images": images }));
    for answer in [form.ok(), listed.ok()] {
        for (index, file) in files.iter().enumerate() {
            assert_near(&floats(&answer["embeddings"][index]), &embedding_of(file));
        }
    }
    let one = server.client.post_json("/v1/embed", &json!({"image": base64(&files[1])})).ok();
    assert_near(&floats(&one["embeddings"][0]), &embedding_of(&files[1]));
}

#[test]
fn normalised_when_asked_and_as_npy_when_asked() {
    let (world, png) = (World::new(), png(4));
    let server = world.server(|_| ());
    let length = |numbers: &[f32]| numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
    let by_query = server.client.post("/v1/embed?normalize=true", "", &png).ok();
    let body = json!({"image": base64(&png), "normalize": true});
    let by_body = server.client.post_json("/v1/embed", &body).ok();
    for answer in [by_query, by_body] {
        assert!((length(&floats(&answer["embeddings"][0])) - 1.0).abs() < 1e-5);
    }
    let expected = embedding_of(&png);
    assert!((length(&expected) - 1.0).abs() > 1e-3, "the test cannot tell");
    let file = server.client.post_for("/v1/embed", "application/x-npy", &png);
    assert_eq!(file.header("content-type"), "application/x-npy");
    assert_eq!(file.header("x-space-key").len(), 16);
    assert!(String::from_utf8_lossy(&file.body).contains(&format!("'shape': (1, {})", expected.len())));
    let numbers = file.body[file.body.len() - 4 * expected.len()..].chunks_exact(4);
    let numbers: Vec<f32> = numbers.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_near(&numbers, &expected);
}

#[test]
fn openai_shape_in_floats_and_base64() {
    let (world, files) = (World::new(), [png(1), png(2)]);
    let server = world.server(|_| ());
    let input = json!([data_uri(&files[0]), {"image": base64(&files[1])}]);
    let ask = |more: Value| {
        let mut body = json!({"model": "tiny", "input": input, "user": "someone"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.client.post_json("/v1/embeddings", &body)
    };
    let answer = ask(json!({})).ok();
    assert_eq!(answer["object"], "list");
    assert_eq!(answer["model"], "tiny");
    assert_eq!(answer["usage"]["total_tokens"], 0);
    assert!(answer["space_key"].is_string());
    let packed = ask(json!({"encoding_format": "base64", "modality": "image"})).ok();
    for (index, file) in files.iter().enumerate() {
        let (item, packed) = (&answer["data"][index], &packed["data"][index]);
        assert_eq!(
            (item["object"].as_str(), item["index"].as_u64()),
            (Some("embedding"), Some(index as u64))
        );
        assert_near(&floats(&item["embedding"]), &embedding_of(file));
        let bytes = STANDARD.decode(packed["embedding"].as_str().unwrap()).unwrap();
        let numbers: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_near(&numbers, &embedding_of(file));
    }
    let length = embedding_of(&files[0]).len();
    ask(json!({"dimensions": length})).ok();
    assert_eq!(ask(json!({"dimensions": length - 1})).refused(400), "unsupported_dimensions");
    assert_eq!(ask(json!({"modality": "text"})).refused(400), "unsupported_modality");
    assert_eq!(ask(json!({"model": "text-embedding-3-small"})).refused(404), "model_not_found");
    assert_eq!(ask(json!({"encoding_format": "int8"})).refused(400), "invalid_json");
    let lone = server.client.post_json("/v1/embeddings", &json!({"input": data_uri(&files[0])})).ok();
    assert_near(&floats(&lone["data"][0]["embedding"]), &embedding_of(&files[0]));
}

#[test]
fn everyone_gets_their_own_answer_when_many_ask_at_once() {
    let world = World::new();
    let server = world.server(|raw| {
        raw.sessions = Some(2);
        raw.batch_pictures_max = Some(4);
    });
    std::thread::scope(|scope| {
        for caller in 0..8u8 {
            let client = server.client.clone();
            scope.spawn(move || {
                for round in 0..5u8 {
                    let files = [png(caller * 16 + round), png(caller * 16 + round + 8)];
                    let images = json!([base64(&files[0]), base64(&files[1])]);
                    let answer = client.post_json("/v1/embed", &json!({ "images": images })).ok();
                    for (index, file) in files.iter().enumerate() {
                        assert_near(&floats(&answer["embeddings"][index]), &embedding_of(file));
                    }
                }
            });
        }
    });
    assert_eq!(server.client.metric("simclr_pictures_total"), Some(80.0));
    assert_eq!(server.client.metric("simclr_queue_pictures"), Some(0.0));
}
