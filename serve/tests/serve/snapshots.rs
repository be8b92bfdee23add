//! A copy of a collection made while it is used, and what becomes of it.

use std::fs;
use std::io::Read;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use simclr_search::{CollectionConfig, Collections, ContentHash, Limits, Record};
use simclr_serve::{collections_folder, import};

use crate::world::{Server, World, until};

const COUNT: usize = 4000;
const DIMENSION: usize = 2048;

/// Records whose vectors and payloads say which they are; numbers of all sizes, which must come back as they are.
fn record(i: usize, round: f32) -> Record {
    let mut vector = vec![0.1 + i as f32, f32::MIN_POSITIVE, -0.0, round];
    vector.resize(DIMENSION, round / 3.0 + i as f32 * 1e-3);
    let content = (i % 2 == 1).then(|| ContentHash::of(&i.to_le_bytes()));
    Record { content, ..Record::new(format!("r{i:05}"), vector, json!({"n": i, "x": 0.1, "ü": null})) }
}

fn fill(world: &World, count: usize) -> Vec<Record> {
    let collections = Collections::open(&collections_folder(&world.file("data")), Limits::default()).unwrap();
    let config = CollectionConfig::new(DIMENSION, "abc");
    let collection = collections.create("cats", config).unwrap();
    let records: Vec<Record> = (0..count).map(|i| record(i, 1.0)).collect();
    records.chunks(1000).for_each(|part| _ = collection.upsert(part.to_vec()).unwrap());
    records
}

/// Records as they are, to the bit: equal numbers may be of other bits.
fn bits(records: &[Record]) -> Vec<(&Record, Vec<u32>)> {
    records.iter().map(|record| (record, record.vector.iter().map(|x| x.to_bits()).collect())).collect()
}

/// A snapshot whose head has come and whose body is still to be read.
fn begun(server: &Server) -> ureq::http::Response<ureq::Body> {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
    let url = format!("{}/v1/collections/cats/snapshot", server.client.base);
    ureq::Agent::from(agent).get(url).call().unwrap()
}

#[test]
fn it_is_of_one_moment_while_everything_is_written_over() {
    let world = World::new();
    let before = fill(&world, COUNT);
    let server = world.server(|_| ());
    let client = &server.client;
    let stop = AtomicBool::new(false);
    let mut file = Vec::new();
    std::thread::scope(|scope| {
        let response = begun(&server);
        assert_eq!(response.headers()["content-type"], "application/vnd.apache.parquet");
        // From its first byte on it is of that moment: it is larger than what waits on its way.
        let second = client.get("/v1/collections/cats/snapshot");
        assert_eq!(second.refused(429), "snapshots_full");
        let stop = &stop;
        scope.spawn(move || {
            for i in (0..COUNT).cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
                let Record { id, vector, payload, .. } = record(i, 7.0);
                let records = json!([{"id": id, "vector": vector, "payload": payload}, {"id": format!("new{i}"), "vector": vector}]);
                client.post_json("/v1/collections/cats/records", &json!({ "records": records })).ok();
                client.delete(&format!("/v1/collections/cats/records/r{:05}", COUNT - 1 - i));
            }
        });
        until("something was written", || {
            client.get("/v1/collections/cats/records/r00003").json()["vector"][3] == 7.0
        });
        response.into_body().into_reader().read_to_end(&mut file).unwrap();
        stop.store(true, Ordering::Relaxed);
    });
    let path = world.file("cats.parquet");
    fs::write(&path, file).unwrap();
    let into = Collections::open(&world.file("into"), Limits::default()).unwrap();
    assert_eq!(import(&into, "cats", &path, None, |_| ()).unwrap().inserted, COUNT);
    let restored = into.get("cats").unwrap();
    assert_eq!(restored.config().space_key, "abc");
    assert!(bits(&restored.page(None, 10_000).unwrap()) == bits(&before), "it is not as it was");
    assert_eq!(client.get("/v1/collections/none/snapshot").refused(404), "collection_not_found");
}

#[test]
fn a_client_that_leaves_gives_its_place_back() {
    let world = World::new();
    fill(&world, COUNT);
    let server = world.server(|_| ());
    drop(begun(&server));
    until("there is room again", || begun(&server).status() == 200);
}

#[test]
fn one_of_nothing_is_restored_to_nothing() {
    let world = World::new();
    fill(&world, 0);
    let server = world.server(|_| ());
    let path = world.file("cats.parquet");
    fs::write(&path, server.client.get("/v1/collections/cats/snapshot").body).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_simclr-serve"));
    command.args(["restore", "cats"]).arg(&path).arg("--data-dir").arg(world.file("other"));
    assert!(command.status().unwrap().success());
    let into = Collections::open(&collections_folder(&world.file("other")), Limits::default()).unwrap();
    let config = into.get("cats").unwrap().config().clone();
    assert_eq!((config.dimension, config.space_key.as_str()), (DIMENSION, "abc"));
}

#[test]
fn it_takes_an_admin_s_key() {
    let world = World::new();
    fill(&world, 1);
    let keys = world.file("keys");
    fs::write(&keys, "w write a-key-of-twenty-letters\na admin another-key-of-twenty-letters\n").unwrap();
    let server = world.server(|raw| raw.api_keys = Some(keys));
    let ask =
        |key: &str| server.client.send("GET", "/v1/collections/cats/snapshot", &[("x-api-key", key)], b"");
    assert_eq!(ask("a-key-of-twenty-letters").refused(403), "scope_missing");
    assert_eq!(ask("another-key-of-twenty-letters").status, 200);
}
