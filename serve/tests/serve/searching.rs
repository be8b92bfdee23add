//! Several searches in one request, and what a picture's query may say.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::pictures::{base64, png};
use crate::world::{Fake, Server, World, ones};

/// A collection of pictures, one of every third without its number.
fn filled(server: &Server, count: u8) {
    server.client.put("/v1/collections/c", &Value::Null).ok();
    let record = |n: u8| json!({"id": format!("r{n}"), "image": base64(&png(n)), "payload": {"n": n, "odd": n % 2 == 1}});
    let records: Vec<Value> = (0..count).map(record).collect();
    server.client.post_json("/v1/collections/c/records", &json!({ "records": records })).ok();
}

fn search(server: &Server, body: &Value) -> Answer {
    server.client.post_json("/v1/collections/c/search", body)
}

#[test]
fn several_searches_answer_as_each_alone() {
    let world = World::new();
    let server = world.server(|_| ());
    filled(&server, 9);
    let vector = server.client.get("/v1/collections/c/records/r5").ok()["vector"].clone();
    let searches = [
        json!({"image": base64(&png(3)), "limit": 4}),
        json!({"id": "r2", "limit": 3, "offset": 1}),
        json!({"vector": vector, "exact": true, "with_payload": false}),
        json!({"image": base64(&png(8)), "filter": {"equals": {"field": "odd", "value": true}}}),
        json!({"id": "r2", "min_score": 2.0}),
    ];
    let together = search(&server, &json!({ "searches": searches })).ok();
    assert_eq!((&together["collection"], &together["neighbours"]), (&json!("c"), &Value::Null));
    let results = together["results"].as_array().unwrap();
    assert_eq!(results.len(), searches.len());
    for (one, result) in searches.iter().zip(results) {
        let alone = search(&server, one).ok();
        let ids = |found: &Value| -> Vec<Value> {
            found["neighbours"].as_array().unwrap().iter().map(|n| json!([n["id"], n["payload"]])).collect()
        };
        assert_eq!(ids(&alone), ids(result), "{one}");
        for (a, b) in
            alone["neighbours"].as_array().unwrap().iter().zip(result["neighbours"].as_array().unwrap())
        {
            assert!((a["score"].as_f64().unwrap() - b["score"].as_f64().unwrap()).abs() < 1e-5);
        }
    }
    assert!(!results[1]["neighbours"].to_string().contains("\"r2\""), "a record is no neighbour of its own");
    assert_eq!(results[3]["neighbours"].as_array().unwrap().len(), 4);
    assert_eq!(results[4]["neighbours"], json!([]));
}

#[test]
fn pictures_of_several_searches_are_one_batch() {
    let world = World::new();
    let (sender, sizes) = std::sync::mpsc::channel();
    let encoder = Fake(move |images: &simclr_models::ImageBatch| {
        sender.send(images.len()).unwrap();
        ones(images)
    });
    let server = world.server_with(encoder, |raw| raw.batch_wait_ms = Some(10_000));
    server.client.put("/v1/collections/c", &Value::Null).ok();
    while sizes.try_recv().is_ok() {}
    let searches: Vec<Value> = (0..6).map(|n| json!({"image": base64(&png(n))})).collect();
    let found = search(&server, &json!({ "searches": searches })).ok();
    assert_eq!(found["results"], json!(vec![json!({"neighbours": []}); 6]));
    assert_eq!(sizes.try_iter().sum::<usize>(), 6);
    assert!(server.client.metric("simclr_batch_pictures_count").unwrap() <= 2.0);
}

#[test]
fn what_is_wrong_with_one_refuses_all_and_says_where() {
    let world = World::new();
    let server = world.server(|raw| {
        raw.request_records_max = Some(5);
        raw.request_pictures_max = Some(2);
    });
    filled(&server, 2);
    let good = json!({"image": base64(&png(1)), "limit": 1});
    let cases = [
        (json!({"image": base64(b"not a picture")}), 422, "picture_unknown_format", "searches[1].image"),
        (json!({"image": "http://x/y.png"}), 400, "url_not_fetched", "searches[1].image"),
        (json!({"image": "!"}), 400, "invalid_base64", "searches[1].image"),
        (json!({"id": "nobody"}), 404, "record_not_found", "searches[1].id"),
        (json!({"vector": [1, 2], "limit": 1}), 400, "wrong_dimension", "searches[1]"),
        (json!({"vector": [1, "x"]}), 400, "invalid_json", "searches[1].vector[1]"),
        (json!({"id": "r0", "limit": 0}), 400, "invalid_limit", "searches[1].limit"),
        (json!({"id": "r0", "offset": 9}), 400, "invalid_limit", "searches[1].limit"),
        (json!({"id": "r0", "limit": 1, "ef": 0}), 400, "invalid_ef", "searches[1].ef"),
        (json!({"id": "r0", "vector": [1]}), 400, "invalid_query", "searches[1]"),
        (
            json!({"id": "r0", "limit": 1, "filter": {"range": {"field": "n"}}}),
            400,
            "invalid_filter",
            "searches[1].filter",
        ),
    ];
    for (bad, status, code, place) in cases {
        let answer = search(&server, &json!({"searches": [good, bad]}));
        assert_eq!(
            (answer.refused(status).as_str(), answer.json()["error"]["param"].as_str()),
            (code, Some(place))
        );
    }
    let refused = |searches: Value, status: u16, code: &str| {
        assert_eq!(search(&server, &json!({ "searches": searches })).refused(status), code);
    };
    refused(json!([]), 400, "no_search");
    refused(json!(vec![json!({"id": "r0", "limit": 1}); 6]), 413, "too_many_searches");
    refused(json!([good, good, good]), 413, "too_many_pictures");
    let mut both = good.clone();
    both["searches"] = json!([good]);
    assert_eq!(search(&server, &both).refused(400), "invalid_json");
}

#[test]
fn a_list_that_asks_for_too_many_neighbours_is_refused() {
    let world = World::new();
    let server = world.server(|raw| raw.request_records_max = Some(50));
    filled(&server, 2);
    let searches = |limit: usize| json!({"searches": vec![json!({"id": "r0", "limit": limit}); 20]});
    assert_eq!(search(&server, &searches(25)).ok()["results"].as_array().unwrap().len(), 20);
    let refused = search(&server, &searches(26));
    assert_eq!(refused.refused(413), "too_many_neighbours");
    assert_eq!(refused.json()["error"]["param"], "searches");
}

#[test]
fn a_picture_s_query_says_what_json_can() {
    let world = World::new();
    let server = world.server(|_| ());
    filled(&server, 6);
    let ask =
        |query: &str| server.client.post(&format!("/v1/collections/c/search?{query}"), "image/png", &png(2));
    let ids = |query: &str| -> Vec<String> {
        let found = ask(query).ok();
        found["neighbours"].as_array().unwrap().iter().map(|n| n["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids("limit=6");
    assert_eq!((all.len(), all[0].as_str()), (6, "r2"));
    assert_eq!(ids("limit=2&offset=3"), all[3..5]);
    assert_eq!(ids("limit=6&ef=50"), all);
    let odd = "filter=%7B%22equals%22%3A%7B%22field%22%3A%22odd%22%2C%22value%22%3Atrue%7D%7D";
    assert_eq!(ids(odd).len(), 3);
    assert_eq!(ask("limit=1&with_payload=false").ok()["neighbours"][0]["payload"], Value::Null);
    for wrong in ["filter=odd", "filter=%7B%22equal%22%3A1%7D"] {
        let refused = ask(wrong);
        assert_eq!(
            (refused.refused(400).as_str(), &refused.json()["error"]["param"]),
            ("invalid_filter", &json!("filter"))
        );
    }
    assert_eq!(ask("ef=0").refused(400), "invalid_ef");
    // For a list, the query says what its searches leave out.
    let body = json!({"searches": [{"id": "r2"}, {"id": "r2", "limit": 4}]}).to_string();
    let path = format!("/v1/collections/c/search?limit=1&{odd}");
    let found = server.client.post(&path, "application/json", body.as_bytes()).ok();
    let lengths = [0, 1].map(|i: usize| found["results"][i]["neighbours"].as_array().unwrap().len());
    assert_eq!(lengths, [1, 3]);
}
