//! The map of a collection: columns of equal length, most of the difference along x, bounded, refusals of our shape.

use serde_json::{Value, json};

use crate::world::World;

fn numbers(answer: &Value, column: &str) -> Vec<f64> {
    answer[column].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn groups_stand_apart_and_a_limit_takes_every_so_manieth() {
    let world = World::new();
    let server = world.server(|raw| raw.request_records_max = Some(7));
    let client = &server.client;
    client.put("/v1/collections/m", &json!({"dimension": 3, "space_key": "mine"})).ok();
    let empty = client.get("/v1/collections/m/map").ok();
    assert_eq!((empty["records"].as_u64(), numbers(&empty, "x")), (Some(0), vec![]));
    // Two groups, one three times as long as the other: lengths do not count, directions do.
    for part in 0..4 {
        let record = |i: usize| {
            let near = 0.01 * (i as f64).sin();
            let (vector, kind) = if i.is_multiple_of(2) {
                ([3.0, near, 0.0], json!("a"))
            } else {
                ([0.0, 1.0, near], json!("b"))
            };
            let payload = if i == 0 {
                json!("no object")
            } else {
                json!({"of": {"kind": kind, "all": [1], "long": "x".repeat(300)}})
            };
            json!({"id": format!("{i:02}"), "vector": vector, "payload": payload})
        };
        let records: Vec<Value> = (part * 5..part * 5 + 5).map(record).collect();
        client.post_json("/v1/collections/m/records", &json!({ "records": records })).ok();
    }
    let whole = client.get("/v1/collections/m/map?field=of.kind").ok();
    let (x, values) = (numbers(&whole, "x"), whole["values"].as_array().unwrap().clone());
    assert_eq!((x.len(), values.len(), whole["records"].as_u64()), (20, 20, Some(20)));
    assert_eq!(whole["ids"][19], "19");
    assert_eq!((&values[0], &values[1], &values[2]), (&Value::Null, &json!("b"), &json!("a")));
    assert!(x.iter().enumerate().all(|(i, at)| (at - x[i % 2]).abs() < 0.1), "{x:?}");
    assert!((x[0] - x[1]).abs() > 1.3, "{x:?}");
    assert!(whole["explained"][0].as_f64().unwrap() > 0.99);
    for field in ["of.all", "of.long"] {
        let told = client.get(&format!("/v1/collections/m/map?field={field}")).ok();
        assert!(told["values"].as_array().unwrap().iter().all(Value::is_null), "{field}");
    }
    let some = client.get("/v1/collections/m/map?limit=7").ok();
    assert_eq!(some["ids"], json!(["00", "03", "06", "09", "12", "15", "18"]));
    assert_eq!(some["values"], json!([]));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let world = World::new();
    let server = world.server(|_| ());
    server.client.put("/v1/collections/m", &json!({})).ok();
    assert_eq!(server.client.get("/v1/collections/other/map").refused(404), "collection_not_found");
    assert_eq!(server.client.get("/v1/collections/m/map?limit=0").refused(400), "invalid_limit");
    assert_eq!(server.client.get("/v1/collections/m/map?limits=1").refused(400), "invalid_query");
}
