//! Every route that reads a body, asked in the process with bodies that were mutated. An input's first byte chooses the route.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::json;
use simclr_serve::{App, router};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use super::fuzz;
use crate::pictures::{base64, data_uri, png};
use crate::world::{Fake, SIDE, World, artefact, ones};

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data; boundary=x";

/// Method, path, content type, length of the JSON before binary tensors (0: no header).
type Route = (&'static str, &'static str, &'static str, usize);

const ROUTES: [Route; 10] = [
    ("POST", "/v1/embeddings", JSON, 0),
    ("POST", "/v1/embed", JSON, 0),
    ("POST", "/v1/embed", FORM, 0),
    ("POST", "/v1/classify", JSON, 0),
    ("PUT", "/v1/collections/made", JSON, 0),
    ("POST", "/v1/collections/c/search", JSON, 0),
    ("POST", "/v1/collections/c/records", JSON, 0),
    ("POST", "/v2/models/tiny/infer", JSON, 0),
    ("POST", "/v2/models/tiny/infer", "application/octet-stream", 120),
    ("POST", "/v2/repository/index", JSON, 0),
];

/// A body that is right for each route.
fn seeds() -> Vec<Vec<u8>> {
    let (uri, text, vector) = (data_uri(&png(1)), base64(&png(2)), vec![0.5; artefact().embedding_len()]);
    let filter = json!({"and": [{"equals": {"field": "a.b", "value": 1}}, {"not": {"exists": {"field": "c"}}},
        {"or": [{"in": {"field": "d", "values": ["x", 2, null]}}, {"range": {"field": "e", "gte": 0, "lt": 9.5}}]}]});
    let form = b"--x\r\ncontent-disposition: form-data; name=\"a\"; filename=\"a.png\"\r\n\r\n";
    let tensor = vec![0u8; 4 * 3 * (SIDE * SIDE) as usize];
    let head = json!({"inputs": [{"name": "images", "datatype": "FP32", "shape": [1, 3, SIDE, SIDE],
        "parameters": {"binary_data_size": tensor.len()}}]});
    let head = format!("{:120}", head.to_string());
    let bodies = [
        json!({"model": "tiny", "input": [uri, {"image": text}], "encoding_format": "base64", "modality": "image",
            "on_error": "skip", "dimensions": vector.len()})
        .to_string()
        .into_bytes(),
        json!({"images": [uri, text], "normalize": true, "on_error": "fail"}).to_string().into_bytes(),
        [form, png(1).as_slice(), b"\r\n--x\r\ncontent-disposition: form-data; name=\"normalize\"\r\n\r\ntrue\r\n--x--\r\n"].concat(),
        json!({"embeddings": [vector], "classifiers": ["a"], "top_k": 3}).to_string().into_bytes(),
        json!({"dimension": 4}).to_string().into_bytes(),
        json!({"vector": vector, "limit": 3, "offset": 1, "filter": filter, "with_payload": true, "ef": 40})
            .to_string()
            .into_bytes(),
        json!({"records": [{"id": "a", "vector": vector, "payload": {"a": {"b": 1}, "d": "x"}}]})
            .to_string()
            .into_bytes(),
        json!({"id": "7", "inputs": [{"name": "pictures", "datatype": "BYTES", "shape": [1], "data": [text]}],
            "outputs": [{"name": "embedding", "parameters": {"binary_data": true}}]})
        .to_string()
        .into_bytes(),
        [head.as_bytes(), &tensor].concat(),
        json!({"ready": true}).to_string().into_bytes(),
    ];
    bodies.into_iter().zip(0u8..).map(|(body, route)| [&[route], body.as_slice()].concat()).collect()
}

struct Served {
    _world: World,
    runtime: Runtime,
    router: Router,
}

impl Served {
    fn new() -> Self {
        let world = World::new();
        let config = world.config(|raw| {
            raw.picture_pixels_max = Some(1_000_000);
            raw.batch_wait_ms = Some(0);
        });
        let app: Arc<App> = App::with_encoders(config, vec![Box::new(Fake(ones))]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let served = Self { _world: world, runtime, router: router(app) };
        let collection = format!("{{\"dimension\": {}}}", artefact().embedding_len());
        let (status, body) = served.ask(("PUT", "/v1/collections/c", JSON, 0), collection.as_bytes());
        assert_eq!(status, 201, "{body}");
        served
    }

    fn ask(&self, route: Route, body: &[u8]) -> (u16, String) {
        let (method, path, kind, head) = route;
        let mut request = Request::builder().method(method).uri(path).header("content-type", kind);
        if head > 0 {
            request = request.header("inference-header-content-length", head);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        self.runtime.block_on(async {
            let answer = self.router.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            (status, String::from_utf8_lossy(&bytes).into_owned())
        })
    }
}

#[test]
fn bodies() {
    let served = Served::new();
    let (mut round, mut fine) = (0, [false; ROUTES.len()]);
    fuzz(
        "bodies",
        seeds(),
        |_, _| (),
        |input| {
            let Some((first, body)) = input.split_first() else { return Ok("nothing".to_owned()) };
            let number = usize::from(*first) % ROUTES.len();
            let route = ROUTES[number];
            let (status, answer) = served.ask(route, body);
            fine[number] |= status < 300;
            // The collection that PUT made must not stand in the way of the next.
            round += 1;
            if round % 64 == 0 {
                served.ask(("DELETE", "/v1/collections/made", JSON, 0), b"");
            }
            if status >= 500 || answer.contains("the decoder gave up") {
                return Err(format!("{} was answered {status}: {answer}", route.1));
            }
            let answer = if status < 300 { "" } else { answer.as_str() };
            Ok(format!("{}{status}{answer}", "r".repeat(number)))
        },
    );
    let never: Vec<&str> =
        ROUTES.iter().zip(fine).filter(|(_, fine)| !fine).map(|(route, _)| route.1).collect();
    assert_eq!(
        never,
        ["/v1/classify"],
        "these routes never got a body they take (no classifier is loaded here)"
    );
}
