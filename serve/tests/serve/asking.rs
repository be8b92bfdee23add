//! What may be asked of an embedding, in the query, in a form and in JSON, and what is refused.

use serde_json::json;

use crate::pictures::{base64, png};
use crate::world::World;

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
