//! Collections: made, filled by picture and by vector, searched, paged, emptied.

use serde_json::{Value, json};

use crate::pictures::{assert_near, base64, embedding_of, floats, png};
use crate::world::{World, artefact};

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["neighbours"].as_array().unwrap().iter().map(|n| n["id"].as_str().unwrap()).collect()
}

#[test]
fn pictures_are_stored_found_and_removed() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    assert_eq!(client.put("/v1/collections/cats", &Value::Null).status, 201);
    assert_eq!(client.put("/v1/collections/cats", &Value::Null).status, 200);
    let list = client.get("/v1/collections").ok();
    assert_eq!(list["collections"][0]["space_key"], artefact().space_key());

    let file = |n: u8| base64(&png(n));
    let records = json!([
        {"id": "one", "image": file(1), "payload": {"colour": "red"}},
        {"id": "two", "image": {"image": file(2)}},
    ]);
    let path = "/v1/collections/cats/records";
    assert_eq!(
        client.post_json(path, &json!({ "records": records })).ok(),
        json!({"inserted": 2, "replaced": 0})
    );
    client.post(&format!("{path}?id=three&payload=%7B%22a%22%3A1%7D"), "image/png", &png(3)).ok();
    let form = [
        ("image", Some("four.png"), &png(4)[..]),
        ("image", Some("five.png"), &png(5)),
        ("payload", None, b"7"),
    ];
    assert_eq!(client.post_form(path, &form).ok()["inserted"], 2);
    let again = [("image", Some("x.png"), &png(5)[..]), ("id", None, b"five.png")];
    assert_eq!(client.post_form(path, &again).ok(), json!({"inserted": 0, "replaced": 1}));

    let three = client.get(&format!("{path}/three")).ok();
    assert_eq!(three["payload"], json!({"a": 1}));
    assert_near(&floats(&three["vector"]), &embedding_of(&png(3)));

    let found = client.post("/v1/collections/cats/search?limit=3", "image/png", &png(1)).ok();
    assert_eq!(ids(&found).len(), 3);
    assert_eq!(found["neighbours"][0]["id"], "one");
    assert_eq!(found["neighbours"][0]["payload"], json!({"colour": "red"}));
    let second = &found["neighbours"][1];
    let number = match second["id"].as_str().unwrap() {
        "two" => 2,
        "three" => 3,
        "four.png" => 4,
        _ => 5,
    };
    let expected = cosine(&embedding_of(&png(1)), &embedding_of(&png(number)));
    assert!((second["score"].as_f64().unwrap() as f32 - expected).abs() < 1e-4);
}

#[test]
fn what_is_deleted_is_gone() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put("/v1/collections/cats", &Value::Null).ok();
    let path = "/v1/collections/cats/records";
    client.post(&format!("{path}?id=one"), "image/png", &png(1)).ok();
    client.post(&format!("{path}?id=two"), "image/png", &png(2)).ok();
    assert_eq!(client.delete(&format!("{path}/one")).status, 204);
    assert_eq!(client.delete(&format!("{path}/one")).refused(404), "record_not_found");
    assert_eq!(client.get(&format!("{path}/one")).refused(404), "record_not_found");
    assert_eq!(client.get("/v1/collections/cats").ok()["records"], 1);
    assert_eq!(client.delete("/v1/collections/cats").status, 204);
    assert_eq!(client.get("/v1/collections/cats").refused(404), "collection_not_found");
    assert_eq!(client.delete("/v1/collections/cats").refused(404), "collection_not_found");
}

#[test]
fn vectors_of_ones_own_are_searched_by_vector_and_by_record() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    let made = client.put("/v1/collections/own", &json!({"dimension": 2})).ok();
    assert_eq!((made["dimension"].as_u64(), made["space_key"].as_str()), (Some(2), Some("")));
    let records = json!([
        {"id": "east", "vector": [1, 0]}, {"id": "north-east", "vector": [1, 1]},
        {"id": "north", "vector": [0, 1]}, {"id": "west", "vector": [-1, 0]},
    ]);
    client.post_json("/v1/collections/own/records", &json!({ "records": records })).ok();
    let search = |body: Value| client.post_json("/v1/collections/own/search", &body);
    for exact in [false, true] {
        let found = search(json!({"vector": [2, 0.1], "limit": 3, "exact": exact})).ok();
        assert_eq!(ids(&found), ["east", "north-east", "north"]);
    }
    assert_eq!(ids(&search(json!({"vector": [2, 0.1], "min_score": 0.5})).ok()), ["east", "north-east"]);
    // East and west are equally far from north, and it is not its own neighbour.
    assert_eq!(ids(&search(json!({"id": "north", "limit": 2})).ok()), ["north-east", "east"]);
    assert_eq!(search(json!({"id": "nobody"})).refused(404), "record_not_found");
    assert_eq!(search(json!({"vector": [1, 2, 3]})).refused(400), "wrong_dimension");
    assert_eq!(search(json!({"vector": [0, 0]})).refused(400), "zero_vector");
    // Infinity in f32; who notices, the JSON reader or the check behind it, is one of its features' choice.
    assert!(
        ["invalid_json", "not_finite"].contains(&search(json!({"vector": [1e39, 0]})).refused(400).as_str())
    );
    assert_eq!(search(json!({"vector": [1, 0], "limit": 0})).refused(400), "invalid_limit");
    assert_eq!(search(json!({"vector": [1, 0], "id": "east"})).refused(400), "invalid_query");
    assert_eq!(search(json!({"image": base64(&png(1))})).refused(409), "space_key_mismatch");
    assert_eq!(client.put("/v1/collections/own", &json!({"dimension": 3})).refused(409), "collection_exists");
}

#[test]
fn pages_follow_one_another_and_end() {
    let world = World::new();
    let server = world.server(|_| ());
    server.client.put("/v1/collections/p", &json!({"dimension": 1})).ok();
    let records: Vec<Value> = (0..5).map(|i| json!({"id": format!("r{i}"), "vector": [i + 1]})).collect();
    server.client.post_json("/v1/collections/p/records", &json!({ "records": records })).ok();
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = server.client.get(&format!("/v1/collections/p/records?limit=2&vectors=true{next}")).ok();
        for record in page["records"].as_array().unwrap() {
            seen.push((record["id"].as_str().unwrap().to_owned(), record["vector"][0].as_f64().unwrap()));
        }
        let Some(after) = page["next"].as_str() else { break };
        next = format!("&after={after}");
    }
    let expected: Vec<_> = (0..5).map(|i| (format!("r{i}"), f64::from(i + 1))).collect();
    assert_eq!(seen, expected);
    let bare = server.client.get("/v1/collections/p/records").ok();
    assert!(bare["records"][0].get("vector").is_none());
}

#[test]
fn a_request_is_stored_whole_or_not_at_all() {
    let world = World::new();
    let server = world.server(|raw| raw.request_records_max = Some(3));
    let client = &server.client;
    client.put("/v1/collections/w", &Value::Null).ok();
    let refused = |records: Value, status: u16, code: &str, param: Option<&str>| {
        let answer = client.post_json("/v1/collections/w/records", &json!({ "records": records }));
        assert_eq!(answer.refused(status), code);
        assert_eq!(answer.json()["error"]["param"].as_str(), param);
    };
    let good = json!({"id": "good", "image": base64(&png(1))});
    let at = Some("records[1].image");
    let cases = [
        (json!({"image": base64(b"not a picture")}), 422, "picture_unknown_format", at),
        (json!({"image": "http://x/y.png"}), 400, "url_not_fetched", at),
        (json!({}), 400, "invalid_record", Some("records[1]")),
        (json!({"vector": [1, "x"]}), 400, "invalid_json", Some("records[1].vector[1]")),
        (json!({"vector": [1]}), 400, "wrong_dimension", None),
    ];
    for (mut bad, status, code, param) in cases {
        bad["id"] = json!("bad");
        refused(json!([good, bad]), status, code, param);
    }
    refused(json!([good, {"id": "", "image": base64(&png(1))}]), 400, "invalid_id", None);
    refused(json!([good, good, good, good]), 413, "too_many_records", None);
    refused(json!([]), 400, "no_record", None);
    assert_eq!(client.get("/v1/collections/w").ok()["records"], 0);
}

#[test]
fn names_and_ids_that_are_none() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put("/v1/collections/w", &Value::Null).ok();
    let store = |path: &str| client.post(path, "image/png", &png(1));
    assert_eq!(store("/v1/collections/w/records").refused(400), "invalid_id");
    assert_eq!(store("/v1/collections/none/records").refused(404), "collection_not_found");
    assert_eq!(store("/v1/collections/none/search").refused(404), "collection_not_found");
    assert_eq!(client.put("/v1/collections/..", &Value::Null).status / 100, 4);
    let slash = client.put("/v1/collections/a%2Fb", &Value::Null);
    assert_eq!(slash.refused(400), "invalid_collection_name");
}

#[test]
fn a_search_filters_by_payload_and_goes_on_where_a_page_ended() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put("/v1/collections/c", &json!({"dimension": 2})).ok();
    let record = |n: u32| json!({"id": n.to_string(), "vector": [1.0, f64::from(n) / 10.0], "payload": {"even": n.is_multiple_of(2)}});
    let records: Vec<Value> = (0..6).map(record).collect();
    client.post_json("/v1/collections/c/records", &json!({ "records": records })).ok();
    let search = |body: Value| client.post_json("/v1/collections/c/search", &body);
    let ids = |body: Value| -> Vec<String> {
        let answer = search(body).ok();
        let neighbours = answer["neighbours"].as_array().unwrap();
        neighbours.iter().map(|n| n["id"].as_str().unwrap().to_owned()).collect()
    };
    let even = json!({"equals": {"field": "even", "value": true}});
    assert_eq!(ids(json!({"vector": [1, 0], "filter": even})), ["0", "2", "4"]);
    assert_eq!(ids(json!({"vector": [1, 0], "filter": even, "offset": 1, "limit": 1})), ["2"]);
    assert_eq!(ids(json!({"id": "0", "offset": 1, "limit": 2})), ["2", "3"]);
    let bare = search(json!({"vector": [1, 0], "with_payload": false})).ok();
    assert_eq!(bare["neighbours"][0]["payload"], Value::Null);
    let wrong = json!({"vector": [1, 0], "filter": {"range": {"field": "even"}}});
    assert_eq!(search(wrong).refused(400), "invalid_filter");
}

#[test]
fn the_same_picture_under_two_ids_is_told() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    client.put("/v1/collections/cats", &Value::Null).ok();
    let path = "/v1/collections/cats/records";
    let hash = simclr_search::ContentHash::of(&png(1)).to_string();
    let stored = client.post(&format!("{path}?id=one"), "image/png", &png(1)).ok();
    assert_eq!(stored, json!({"inserted": 1, "replaced": 0}));
    let record = |id: &str, n: u8| json!({"id": id, "image": base64(&png(n))});
    let records = json!({"records": [record("two", 2), record("one again", 1), record("two again", 2)]});
    let duplicates = json!([{"id": "one again", "of": "one"}, {"id": "two again", "of": "two"}]);
    assert_eq!(client.post_json(path, &records).ok()["duplicates"], duplicates);
    assert_eq!(client.get(&format!("{path}/one")).ok()["content_sha256"], hash.as_str());

    let vector = client.get(&format!("{path}/one")).ok()["vector"].clone();
    let by_vector = |content: Value| {
        let record = json!({"id": "by vector", "vector": vector, "content_sha256": content});
        client.post_json(path, &json!({ "records": [record] }))
    };
    assert_eq!(by_vector(json!(hash)).ok()["duplicates"], json!([{"id": "by vector", "of": "one"}]));
    assert!(by_vector(Value::Null).ok().get("duplicates").is_none());
    assert!(client.get(&format!("{path}/by%20vector")).ok().get("content_sha256").is_none());
    assert_eq!(by_vector(json!("abc")).refused(400), "invalid_json");
    let search = |body: Value| client.post_json("/v1/collections/cats/search", &body).ok();
    let grouped = search(json!({"vector": vector, "group_duplicates": true}));
    assert_eq!(ids(&grouped), ["by vector", "two"]);
    assert_eq!(grouped["neighbours"][0]["duplicates"], json!(["one", "one again"]));
    assert_eq!(ids(&search(json!({"id": "one", "group_duplicates": true}))), ["two"]);
    assert!(search(json!({"vector": vector}))["neighbours"][0].get("duplicates").is_none());
    let other = json!({"id": "x", "image": base64(&png(2)), "content_sha256": hash});
    assert_eq!(client.post_json(path, &json!({ "records": [other] })).refused(400), "content_mismatch");
}
