//! The job that arranges a map by neighbours: started, watched, shown, out of date, cancelled, kept over a restart.

use serde_json::{Value, json};

use crate::client::Client;
use crate::world::{World, until};

const MAP: &str = "/v1/collections/m/map";
const JOB: &str = "/v1/collections/m/map/arrangement";
const CLUSTERS: usize = 6;

/// Records in clusters, numbers that look like chance.
fn fill(client: &Client, range: std::ops::Range<usize>) {
    let number = |seed: usize| ((seed as f64 * 12.9898).sin() * 43758.5453).fract();
    let record = |i: usize| {
        let at = |d: usize| 4.0 * number(i % CLUSTERS * 100 + d) + number(10_000 + 10 * i + d);
        let vector: Vec<f64> = (0..10).map(at).collect();
        json!({"id": format!("{i:04}"), "vector": vector, "payload": {"kind": i % CLUSTERS}})
    };
    let records: Vec<Value> = range.map(record).collect();
    client.post_json("/v1/collections/m/records", &json!({ "records": records })).ok();
}

fn made(client: &Client, records: usize) {
    client.put("/v1/collections/m", &json!({"dimension": 10, "space_key": "mine"})).ok();
    fill(client, 0..records);
}

fn start(client: &Client) -> Value {
    let answer = client.send("POST", JOB, &[], b"");
    assert_eq!(answer.status, 202);
    answer.ok()
}

fn arranged(client: &Client) {
    start(client);
    until("the map is arranged", || match client.get(JOB).ok()["status"].as_str().unwrap() {
        "running" => false,
        "finished" => true,
        other => panic!("{other}: {}", client.get(JOB).ok()),
    });
}

fn shown(client: &Client) -> Value {
    client.get(&format!("{MAP}?arrangement=neighbours&field=kind")).ok()
}

#[test]
fn neighbours_lie_together_until_a_tenth_of_the_records_has_changed() {
    let world = World::new();
    let mut server = world.server(|raw| raw.evaluation_nice = Some(0));
    made(&server.client, 300);
    let before = server.client.get(&format!("{MAP}?arrangement=neighbours"));
    assert_eq!(before.refused(404), "not_arranged");
    assert_eq!(server.client.get(JOB).ok()["status"], "none");
    arranged(&server.client);
    let map = shown(&server.client);
    assert_eq!((&map["arrangement"], &map["arranged"]), (&json!("neighbours"), &json!(300)));
    let column = |name: &str| -> Vec<f64> {
        map[name].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let (x, y, kinds) = (column("x"), column("y"), column("values"));
    let nearest = |i: usize| {
        let far = |j: &usize| (x[i] - x[*j]).hypot(y[i] - y[*j]);
        (0..300).filter(|j| *j != i).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap()
    };
    let right = (0..300).filter(|i| kinds[nearest(*i)] == kinds[*i]).count();
    assert!(right > 290, "{right} of 300 lie beside one of their kind");
    let some = server.client.get(&format!("{MAP}?arrangement=neighbours&limit=100")).ok();
    assert_eq!((some["ids"].as_array().unwrap().len(), &some["ids"][1]), (100, &json!("0003")));
    assert_eq!(server.client.get(MAP).ok()["arrangement"], "components");

    server.stop();
    drop(server);
    let server = world.server(|_| ());
    assert_eq!(shown(&server.client), map, "it is kept over a restart");
    fill(&server.client, 300..330);
    let grown = shown(&server.client);
    assert_eq!((grown["ids"].as_array().unwrap().len(), &grown["unplaced"]), (300, &json!(30)));
    fill(&server.client, 330..332);
    let late = server.client.get(&format!("{MAP}?arrangement=neighbours"));
    assert_eq!(late.refused(404), "not_arranged");
}

#[test]
fn a_job_is_cancelled_forgotten_and_one_at_a_time() {
    let world = World::new();
    let server = world.server(|raw| raw.evaluation_nice = Some(0));
    made(&server.client, 1000);
    fill(&server.client, 1000..2000);
    let began = start(&server.client);
    assert_eq!(began["status"], "running");
    assert_eq!(start(&server.client)["status"], "running", "asked for twice, it runs once");
    server.client.put("/v1/collections/other", &json!({"dimension": 1, "space_key": "x"})).ok();
    let other = "/v1/collections/other/map/arrangement";
    assert_eq!(server.client.send("POST", other, &[], b"").refused(422), "too_few_records");
    let records: Vec<Value> = (1..40).map(|i| json!({"id": i.to_string(), "vector": [i]})).collect();
    server.client.post_json("/v1/collections/other/records", &json!({ "records": records })).ok();
    let busy = server.client.send("POST", other, &[], b"");
    assert_eq!((busy.refused(429).as_str(), busy.header("retry-after")), ("busy", "5"));
    assert_eq!(server.client.delete(JOB).ok()["status"], "cancelled");
    until("the thread has ended", || server.client.send("POST", other, &[], b"").status == 202);
    assert_eq!(server.client.get(JOB).ok()["status"], "none", "{}", server.client.get(JOB).ok());
    assert_eq!(server.client.get(&format!("{MAP}?arrangement=neighbours")).refused(404), "not_arranged");
    until("the other is arranged", || server.client.get(other).ok()["status"] == "finished");
    let file = world.file("data/maps/other.map");
    assert!(file.exists());
    assert_eq!(server.client.delete(other).ok()["status"], "none");
    assert!(!file.exists());
}

#[test]
fn a_deleted_collection_takes_its_map_along() {
    let world = World::new();
    let server = world.server(|raw| raw.evaluation_nice = Some(0));
    made(&server.client, 40);
    arranged(&server.client);
    let file = world.file("data/maps/m.map");
    assert!(file.exists());
    assert_eq!(server.client.delete("/v1/collections/m").status, 204);
    assert!(!file.exists());
    assert_eq!(server.client.get(JOB).refused(404), "collection_not_found");
    assert_eq!(server.client.get(&format!("{MAP}?arrangement=by-chance")).refused(400), "invalid_query");
}
