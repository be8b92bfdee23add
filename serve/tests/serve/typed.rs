//! The typed client against a real server: what it gives is what the routes answer.

use serde_json::json;
use simclr_client::{Client, ClientError};

use crate::pictures::{assert_near, embedding_of, png};
use crate::world::{World, artefact};

#[test]
fn pictures_go_in_and_typed_answers_come_out() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = Client::new(&server.client.base);
    let describe = client.describe().unwrap();
    assert_eq!((describe.model.as_str(), describe.space_key.as_str()), ("tiny", artefact().space_key()));
    assert!(describe.ready && describe.dimension == artefact().embedding_len());
    let rows = client.embed(&[png(1), png(2)]).unwrap();
    assert_near(&rows.embeddings[1], &embedding_of(&png(2)));
    client.make_collection("of mine").unwrap_err();
    client.make_collection("mine").unwrap();
    client.make_collection("mine").unwrap();
    for number in 1..4 {
        let payload = json!({ "number": number });
        client.store("mine", &format!("picture {number}"), &png(number), &payload).unwrap();
    }
    let found = client.search("mine", &png(2), 2).unwrap();
    assert_eq!((found.len(), found[0].id.as_str(), &found[0].payload["number"]), (2, "picture 2", &json!(2)));
    assert!(found[0].score > 0.999);
}

#[test]
fn a_refusal_says_its_code_its_place_and_when_to_come_back() {
    let world = World::new();
    let keys = world.file("keys");
    std::fs::write(&keys, "tests read a-key-of-twenty-letters\n").unwrap();
    let server = world.server(|raw| {
        (raw.api_keys, raw.queue_pictures_max, raw.request_pictures_max) = (Some(keys), Some(3), Some(3));
    });
    let stranger = Client::new(&server.client.base);
    let code = |error: ClientError| match error {
        ClientError::Refused { status, refusal, .. } => (status, refusal.code, refusal.param),
        other => panic!("{other}"),
    };
    assert_eq!(code(stranger.describe().unwrap_err()), (401, "invalid_api_key".to_owned(), None));
    let client = stranger.with_key("a-key-of-twenty-letters");
    let broken = client.embed(&[png(1), b"x".to_vec()]).unwrap_err();
    assert_eq!(code(broken), (422, "picture_unknown_format".to_owned(), Some("images[1]".to_owned())));
    let many = client.embed(&vec![png(1); 4]).unwrap_err();
    assert_eq!(code(many).1, "too_many_pictures");
    let missing = client.classify("none such", &[png(1)], 1).unwrap_err();
    assert_eq!(code(missing).0, 404);
    let nobody = Client::new("http://127.0.0.1:0").describe().unwrap_err();
    assert!(matches!(nobody, ClientError::Unreached(_)), "{nobody}");
}
