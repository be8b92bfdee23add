//! What may be asked of an embedding, in the query, in a form and in JSON, and what is refused.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::pictures::{assert_near, base64, embedding_by, embedding_of, floats, png};
use crate::world::{World, artefact, make_artefact};

fn length(numbers: &[f32]) -> f32 {
    numbers.iter().map(|x| x * x).sum::<f32>().sqrt()
}

fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_picture_without_a_readable_text_is_skipped_or_named() {
    let world = World::new();
    let server = world.server(|_| ());
    let pictures = json!([base64(&png(1)), "!!", "data:image/png,raw", base64(&png(2))]);
    for (path, field) in [("/v1/embeddings", "input"), ("/v1/embed", "images")] {
        let skipped = server.client.post_json(path, &json!({ field: pictures, "on_error": "skip" })).ok();
        assert_eq!(skipped["kept_indices"], json!([0, 3]), "{path}");
        let reasons: Vec<(u64, &str)> = skipped["skipped"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["index"].as_u64().unwrap(), one["code"].as_str().unwrap()))
            .collect();
        assert_eq!(reasons, [(1, "invalid_base64"), (2, "invalid_data_uri")], "{path}");
        let failed = server.client.post_json(path, &json!({ field: pictures }));
        assert_eq!(failed.refused(400), "invalid_base64");
        assert_eq!(failed.json()["error"]["param"], format!("{field}[1]"));
    }
}

#[test]
fn a_forms_text_fields_are_options_as_in_the_query() {
    let world = World::new();
    let server = world.server(|_| ());
    let (picture, broken) = (png(1), b"no picture");
    let ask = |path: &str, fields: &[(&str, &str)]| {
        let mut parts = vec![("a", Some("a.png"), &picture[..]), ("b", Some("b.png"), &broken[..])];
        parts.extend(fields.iter().map(|(name, text)| (*name, None, text.as_bytes())));
        server.client.post_form(path, &parts)
    };
    let skip = ("on_error", "skip");
    let raw = ask("/v1/embed", &[skip]).ok();
    assert_near(&floats(&raw["embeddings"][0]), &embedding_of(&picture));
    assert_eq!(raw["kept_indices"], json!([0]));
    for (path, fields) in [
        ("/v1/embed", vec![skip, ("normalize", "true"), ("model", "tiny")]),
        ("/v1/embed?on_error=skip", vec![("normalize", "true")]),
        ("/v1/embed?normalize=true", vec![skip, ("normalize", "true")]),
    ] {
        let answer = ask(path, &fields).ok();
        assert!((length(&floats(&answer["embeddings"][0])) - 1.0).abs() < 1e-5, "{path}");
    }
    assert_eq!(ask("/v1/embed", &[skip, ("model", "other")]).refused(404), "model_not_found");
    let unknown = ask("/v1/embed", &[skip, ("normalise", "true")]);
    assert_eq!(unknown.refused(400), "invalid_multipart");
    assert!(message(&unknown).contains("unknown field `normalise`"), "{}", message(&unknown));
    assert_eq!(ask("/v1/embed", &[skip, ("normalize", "perhaps")]).refused(400), "invalid_multipart");
    let twice = ask("/v1/embed?normalize=false", &[skip, ("normalize", "true")]);
    assert_eq!(
        (twice.refused(400), &twice.json()["error"]["param"]),
        ("option_twice".into(), &json!("normalize"))
    );
    let twice = ask("/v1/embed", &[skip, ("model", "tiny"), ("model", "other")]);
    assert_eq!(twice.refused(400), "option_twice");
    let names: Vec<String> = (0..17).map(|n| format!("f{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert!(message(&ask("/v1/embed", &many)).contains("more than 16"));
}

#[test]
fn forms_say_how_to_search_and_what_to_store() {
    let world = World::new();
    let server = world.server(|_| ());
    let (client, picture) = (&server.client, png(1));
    client.put("/v1/collections/c", &Value::Null).ok();
    let with = |field: (&'static str, Option<&'static str>, &'static [u8])| {
        [("p", Some("a.png"), &picture[..]), field]
    };
    for id in ["1", "2"] {
        client.post_form("/v1/collections/c/records", &with(("id", None, id.as_bytes()))).ok();
    }
    let colour = client.post_form("/v1/collections/c/records", &with(("colour", None, b"red")));
    assert_eq!(colour.refused(400), "invalid_multipart");
    let other = client.post_form("/v1/collections/c/records?id=3", &with(("id", None, b"4")));
    assert_eq!(other.refused(400), "option_twice");
    let search = "/v1/collections/c/search";
    let found = client.post_form(search, &with(("limit", None, b"1"))).ok();
    assert_eq!(found["neighbours"].as_array().unwrap().len(), 1);
    let second = client.post_form(search, &with(("offset", None, b"1"))).ok();
    assert_eq!(second["neighbours"][0]["id"], "2");
    assert_eq!(client.post_form(search, &with(("colour", None, b"red"))).refused(400), "invalid_multipart");
}

#[test]
fn the_one_output_is_told_and_others_are_refused() {
    let world = World::new();
    let (server, picture) = (world.server(|_| ()), png(1));
    let told = server.client.get("/v1/describe").ok();
    assert_eq!(told["outputs"][0]["name"], "embedding");
    assert!(told["outputs"][0]["layer"].as_str().unwrap().starts_with("h, "), "{told}");
    let by_query = server.client.post("/v1/embed?output=embedding", "", &picture).ok();
    let body = |output: &str| json!({"image": base64(&picture), "output": output});
    let by_body = server.client.post_json("/v1/embed", &body("embedding")).ok();
    for answer in [by_query, by_body] {
        assert_near(&floats(&answer["embeddings"][0]), &embedding_of(&picture));
    }
    let form = [("a", Some("a.png"), &picture[..]), ("output", None, b"logits")];
    for answer in [
        server.client.post("/v1/embed?output=logits", "", &picture),
        server.client.post_json("/v1/embed", &body("logits")),
        server.client.post_form("/v1/embed", &form),
    ] {
        assert_eq!(answer.refused(400), "unsupported_output");
        assert_eq!(answer.json()["error"]["param"], "output");
        let message = message(&answer);
        assert!(message.contains("\"embedding\"") && message.contains("/v1/classify"), "{message}");
    }
}

#[test]
fn dimensions_are_cut_where_the_card_says_so() {
    let world = World::new();
    let folder = world.file("short");
    let made = make_artefact(&folder, "short", 3);
    let card = std::fs::read_to_string(folder.join("card.toml")).unwrap();
    std::fs::write(folder.join("card.toml"), format!("shortened_to = [8, 4]\n{card}")).unwrap();
    let server = world.server(|raw| raw.model = Some(folder));
    assert_eq!(server.client.get("/v1/describe").ok()["shortened_to"], json!([8, 4]));
    let ask = |dimensions: usize| {
        let body = json!({"input": base64(&png(1)), "dimensions": dimensions});
        server.client.post_json("/v1/embeddings", &body)
    };
    let whole = embedding_by(&made, &png(1));
    for dimensions in [8, 4] {
        let first = &whole[..dimensions];
        let expected: Vec<f32> = first.iter().map(|x| x / length(first)).collect();
        assert_near(&floats(&ask(dimensions).ok()["data"][0]["embedding"]), &expected);
    }
    assert_near(&floats(&ask(whole.len()).ok()["data"][0]["embedding"]), &whole);
    let refused = ask(5);
    assert_eq!(refused.refused(400), "unsupported_dimensions");
    assert!(message(&refused).contains("[8, 4]"), "{}", message(&refused));
    assert!(artefact().card().shortened_to.is_empty(), "a card without a word of it is opened as ever");
}
