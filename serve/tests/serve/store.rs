//! Several stateless servers before one Milvus: what is stored through one is found through the other.

use std::net::TcpListener;

#[cfg(feature = "milvus")]
use serde_json::json;

#[cfg(feature = "milvus")]
use crate::pictures::{base64, png};
use crate::world::World;

#[test]
fn a_store_that_cannot_be_is_named_at_the_start() {
    let world = World::new();
    let fails = |store: &str, word: &str| {
        let mut command = crate::process::command(world.data.path());
        let output = command.args(["--store", store]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && text.contains(word), "{text}");
    };
    fails("localhost:19530", "milvus://HOST:PORT");
    // Nobody listens there any more; a program without the feature says that instead.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fails(&format!("milvus://{address}"), &format!("--store {address}"));
}

#[cfg(feature = "milvus")]
#[test]
fn two_servers_before_one_milvus_answer_alike() {
    let Ok(address) = std::env::var("SIMCLR_TEST_MILVUS") else {
        eprintln!(
            "SKIPPED: SIMCLR_TEST_MILVUS names no Milvus server, so none was tested; run tools/milvus/run"
        );
        return;
    };
    let world = World::new();
    let server = || {
        world.server(|raw| {
            raw.data_dir = None;
            raw.store = Some(format!("milvus://{address}"));
        })
    };
    let (one, other) = (server(), server());
    assert_eq!(one.client.put("/v1/collections/shared", &serde_json::Value::Null).status, 201);
    assert_eq!(other.client.put("/v1/collections/shared", &serde_json::Value::Null).status, 200);
    let record = |n: u8| json!({"id": format!("r{n}"), "image": base64(&png(n)), "payload": {"n": n, "odd": n % 2 == 1}});
    let path = "/v1/collections/shared/records";
    let (some, more) =
        (json!({"records": [record(1), record(2)]}), json!({"records": [record(2), record(3)]}));
    assert_eq!(one.client.post_json(path, &some).ok(), json!({"inserted": 2, "replaced": 0}));
    assert_eq!(other.client.post_json(path, &more).ok(), json!({"inserted": 1, "replaced": 1}));
    let search = json!({"image": base64(&png(2)), "filter": {"equals": {"field": "odd", "value": false}}});
    for client in [&one.client, &other.client] {
        assert_eq!(client.get("/v1/collections").ok()["collections"][0]["records"], 3);
        let found = client.post_json("/v1/collections/shared/search", &search).ok();
        assert_eq!(found["neighbours"].as_array().unwrap().len(), 1);
        assert_eq!(found["neighbours"][0]["payload"], json!({"n": 2, "odd": false}));
        let near = client.post_json("/v1/collections/shared/search", &json!({"id": "r1"})).ok();
        assert_eq!(near["neighbours"].as_array().unwrap().len(), 2);
        let page = client.get(&format!("{path}?limit=2")).ok();
        assert_eq!((&page["records"][1]["id"], &page["next"]), (&json!("r2"), &json!("r2")));
        assert_eq!(client.get("/v1/collections/shared/map").ok()["ids"], json!(["r1", "r2", "r3"]));
    }
    assert_eq!(other.client.delete(&format!("{path}/r1")).status, 204);
    assert_eq!(one.client.get(&format!("{path}/r1")).refused(404), "record_not_found");
    let vector = json!({"records": [{"id": "zero", "vector": vec![0; 8]}]});
    assert_eq!(one.client.post_json(path, &vector).refused(400), "wrong_dimension");
    assert_eq!(one.client.metric("simclr_collection_records{collection=\"shared\"}"), Some(2.0));
    assert_eq!(one.client.delete("/v1/collections/shared").status, 204);
    assert_eq!(other.client.get("/v1/collections/shared").refused(404), "collection_not_found");
}
