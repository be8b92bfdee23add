//! `/v2`, the Open Inference Protocol: both tensors in, JSON and binary both ways, the repository.

use serde_json::{Value, json};
use simclr_models::{Limits, Picture};

use crate::pictures::{assert_near, base64, embedding_of, floats, png};
use crate::world::{SIDE, Server, World, artefact};

const INFER: &str = "/v2/models/tiny/infer";

fn prepared(file: &[u8]) -> Vec<f32> {
    artefact().recipe().prepare(&Picture::decode(file, &Limits::default()).unwrap())
}

fn infer(server: &Server, json: &Value, binary: &[u8]) -> crate::client::Answer {
    let head = json.to_string();
    let body = [head.as_bytes(), binary].concat();
    server.client.post_with(INFER, &[("inference-header-content-length", &head.len().to_string())], &body)
}

fn refused(server: &Server, json: &Value, binary: &[u8]) -> String {
    let answer = infer(server, json, binary);
    assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["error"].as_str().expect("the protocol's shape of an error").to_owned()
}

#[test]
fn the_server_and_its_model_say_what_they_are() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    assert_eq!(client.get("/v2").ok()["name"], "simclr-serve");
    assert_eq!(client.get("/v2/health/live").ok(), json!({"live": true}));
    assert_eq!(client.get("/v2/health/ready").ok(), json!({"ready": true}));
    assert_eq!(client.get("/v2/models/tiny/ready").ok(), json!({"name": "tiny", "ready": true}));
    let metadata = client.get("/v2/models/tiny/versions/1").ok();
    assert_eq!(metadata, client.get("/v2/models/tiny").ok());
    assert_eq!(metadata["inputs"][1]["shape"], json!([-1, 3, SIDE, SIDE]));
    assert_eq!(metadata["outputs"][0]["shape"], json!([-1, artefact().embedding_len()]));
    assert_eq!(client.get("/v2/models/tiny/config").ok()["name"], "tiny");
    for path in ["/v2/models/other", "/v2/models/tiny/versions/2", "/v2/nothing"] {
        let answer = client.get(path);
        assert_eq!(answer.status, 404);
        assert!(answer.json()["error"].is_string(), "{path}");
    }
}

#[test]
fn encoded_and_prepared_pictures_as_json_and_as_binary() {
    let world = World::new();
    let server = world.server(|_| ());
    let files = [png(1), png(2)];
    let tensor: Vec<f32> = files.iter().flat_map(|file| prepared(file)).collect();
    let floats_le: Vec<u8> = tensor.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut bytes = Vec::new();
    for file in &files {
        bytes.extend(u32::try_from(file.len()).unwrap().to_le_bytes());
        bytes.extend(file);
    }
    let shape = json!([2, 3, SIDE, SIDE]);
    let sized = |size: usize| json!({"binary_data_size": size});
    let nested: Vec<Vec<f32>> = tensor.chunks(tensor.len() / 2).map(<[f32]>::to_vec).collect();
    let texts = json!([base64(&files[0]), base64(&files[1])]);
    let cases = [
        (json!({"name": "pictures", "datatype": "BYTES", "shape": [2], "data": texts}), Vec::new()),
        (
            json!({"name": "pictures", "datatype": "BYTES", "shape": [2, 1], "parameters": sized(bytes.len())}),
            bytes,
        ),
        (json!({"name": "images", "datatype": "FP32", "shape": shape, "data": nested}), Vec::new()),
        (
            json!({"name": "images", "datatype": "FP32", "shape": shape, "parameters": sized(floats_le.len())}),
            floats_le,
        ),
    ];
    for (input, binary) in cases {
        let answer = infer(&server, &json!({"id": "7", "inputs": [input]}), &binary).ok();
        assert_eq!((&answer["id"], &answer["model_name"]), (&json!("7"), &json!("tiny")));
        assert_eq!(answer["parameters"]["space_key"], artefact().space_key());
        let numbers = floats(&answer["outputs"][0]["data"]);
        let rows = numbers.chunks(artefact().embedding_len());
        rows.zip(&files).for_each(|(row, file)| assert_near(row, &embedding_of(file)));

        let parameters = json!({"binary_data_output": true});
        let answer = infer(&server, &json!({"inputs": [input], "parameters": parameters}), &binary);
        let length: usize = answer.header("inference-header-content-length").parse().unwrap();
        let head: Value = serde_json::from_slice(&answer.body[..length]).unwrap();
        let raw = &answer.body[length..];
        assert_eq!(head["outputs"][0]["parameters"]["binary_data_size"], raw.len());
        let row: Vec<f32> =
            raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_near(&row, &numbers);
    }
}

#[test]
fn tensors_that_do_not_fit_are_refused_in_the_protocols_shape() {
    let world = World::new();
    let server = world.server(|_| ());
    let text = base64(&png(1));
    let one = |input: Value| json!({ "inputs": [input] });
    let pictures = |shape: Value, more: Value| {
        let mut input = json!({"name": "pictures", "datatype": "BYTES", "shape": shape});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one(input)
    };
    let sized = |size: usize| json!({"parameters": {"binary_data_size": size}});
    let cases = [
        (json!({"inputs": []}), 0, "exactly one input"),
        (pictures(json!([2]), json!({"data": [text]})), 0, "shape"),
        (pictures(json!([1]), json!({})), 0, "either `data`"),
        (pictures(json!([1]), json!({"data": [1.5]})), 0, "base64 strings"),
        (pictures(json!([1]), sized(8)), 4, "4 are left"),
        (pictures(json!([1]), json!({"data": [text]})), 8, "belong to no tensor"),
        (pictures(json!([1]), sized(8)), 8, "beyond the tensor's end"),
        (one(json!({"name": "x", "datatype": "FP32", "shape": [1], "data": [1]})), 0, "takes \"pictures\""),
        (
            one(json!({"name": "images", "datatype": "FP32", "shape": [1, 3, 4, 4], "data": [1]})),
            0,
            "N×3×16×16",
        ),
        (
            one(json!({"name": "images", "datatype": "FP32", "shape": [1, 3, SIDE, SIDE], "data": [1]})),
            0,
            "N×3×16×16",
        ),
    ];
    for (body, behind, words) in cases {
        let error = refused(&server, &body, &vec![0xff; behind]);
        assert!(error.contains(words), "{error} does not say {words}");
    }
    let mut outputs = pictures(json!([1]), json!({"data": [text]}));
    outputs["outputs"] = json!([{"name": "logits"}]);
    assert!(refused(&server, &outputs, b"").contains("\"embedding\""));
    let long = server.client.post_with(INFER, &[("inference-header-content-length", "9")], b"{}");
    assert_eq!(long.status, 400);
}

#[test]
fn numbers_that_are_none_are_refused_where_they_stand() {
    let world = World::new();
    let server = world.server(|_| ());
    let mut numbers = vec![0.5f32; 3 * (SIDE * SIDE) as usize];
    let images = |more: Value| {
        let mut input = json!({"name": "images", "datatype": "FP32", "shape": [1, 3, SIDE, SIDE]});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "inputs": [input] })
    };
    let mut listed: Vec<Value> = numbers.iter().map(|number| json!(number)).collect();
    listed[9] = json!(1e39);
    assert!(refused(&server, &images(json!({"data": listed})), b"").contains("element 9 is"));
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        numbers[5] = number;
        let binary: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let sized = json!({"parameters": {"binary_data_size": binary.len()}});
        assert!(refused(&server, &images(sized), &binary).contains("element 5 is"), "{number}");
    }
}
