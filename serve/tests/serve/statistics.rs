//! What a collection tells about how it is searched, and who hears of one that cannot be sealed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use simclr_search::{CollectionConfig, Collections, Limits, Record};
use simclr_serve::collections_folder;

use crate::process::{command, start_with};
use crate::world::{World, until};

/// Directions spread over a few numbers, the same each time.
fn fill(data: &Path, count: usize, dimension: usize, approximate_from: usize) {
    let limits = Limits { approximate_from, ..Limits::default() };
    let collections = Collections::open(&collections_folder(data), limits).unwrap();
    let config = CollectionConfig::new(dimension, "");
    let collection = collections.create("seen", config).unwrap();
    let number = |seed: usize| ((seed * 7919 + 13) % 1009) as f32 - 504.0;
    let records: Vec<Record> = (0..count)
        .map(|i| {
            let vector = (1..dimension).map(|d| number(i * 31 + d * 97)).chain([1.0]);
            Record::new(format!("{i:06}"), vector.collect(), Value::Null)
        })
        .collect();
    for part in records.chunks(10_000) {
        collection.upsert(part.to_vec()).unwrap();
    }
    assert!(collection.wait_until_built(Duration::from_secs(60)));
}

#[test]
fn a_collection_tells_its_segments_and_its_recall() {
    let world = World::new();
    fill(&world.file("data"), 600, 16, 100);
    let server = world.server(|_| ());
    let client = &server.client;
    let told = client.get("/v1/collections/seen").ok();
    let (statistics, number) = (&told["statistics"], |value: &Value| value.as_f64().unwrap());
    assert_eq!((&told["records"], &told["recall"]), (&json!(600), &Value::Null));
    assert_eq!((&statistics["segments"], &statistics["sealed"]), (&json!(1), &json!(600)));
    assert_eq!((&statistics["fresh"], &statistics["dead"]), (&json!(0), &json!(0)));
    assert_eq!((&statistics["problem"], &statistics["damage"]), (&Value::Null, &json!([])));
    assert_eq!(statistics["sealing"], false);
    assert!(statistics["orphans_repaired"].is_u64() && number(&statistics["build_seconds"]) > 0.0);
    // A byte a number and its links, and not yet the directions.
    let walked = number(&statistics["walked_bytes_per_record"]);
    assert!((16.0..2000.0).contains(&walked), "{walked}");
    let told = client.get("/v1/collections/seen?measure_recall=50").ok();
    assert_eq!(told["recall"]["sampled"], 50);
    assert!(number(&told["recall"]["recall"]) >= 0.99, "{told}");
    for wrong in ["0", "1001"] {
        let refused = client.get(&format!("/v1/collections/seen?measure_recall={wrong}"));
        assert_eq!(refused.refused(400), "invalid_measure_recall");
    }
    client.put("/v1/collections/empty", &json!({"dimension": 2})).ok();
    let told = client.get("/v1/collections/empty?measure_recall=5").ok();
    assert_eq!(
        (&told["recall"], &told["statistics"]["walked_bytes_per_record"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(client.metric("simclr_collection_problem{collection=\"seen\"}"), Some(0.0));
}

#[test]
fn one_that_cannot_be_sealed_is_told_everywhere() {
    let world = World::new();
    let data = world.file("data");
    fill(&data, 50_000, 2, usize::MAX);
    // Where the folder of the segments is to be.
    fs::write(collections_folder(&data).join("collections/seen/segments"), b"in the way").unwrap();
    let log = world.file("log");
    let process = start_with(command(&data).stderr(fs::File::create(&log).unwrap()));
    let gauge = "simclr_collection_problem{collection=\"seen\"}";
    until("the gauge tells", || process.client.metric(gauge) == Some(1.0));
    let told = process.client.get("/v1/collections/seen").ok();
    let problem = told["statistics"]["problem"].as_str().unwrap();
    assert!(problem.starts_with("sealing failed"), "{problem}");
    let search = json!({"vector": [1, 1], "limit": 3});
    let found = process.client.post_json("/v1/collections/seen/search", &search).ok();
    assert_eq!(found["neighbours"].as_array().unwrap().len(), 3, "it goes on exactly");
    drop(process);
    let log = fs::read_to_string(log).unwrap();
    let line = log.lines().find(|line| line.contains("were not sealed")).unwrap_or_else(|| panic!("{log}"));
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["collection"], &line["reason"]), (&json!("seen"), &json!(problem)));
}
