//! Everything wrong that people send gets a clear 4xx with its code, and the server goes on.

use std::io::{Read, Write};
use std::net::TcpStream;

use image::ImageFormat;
use serde_json::json;

use crate::client::Client;
use crate::pictures::{base64, data_uri, encoded, picture, png};
use crate::world::World;

/// A PNG that says it has a hundred thousand rows and columns, and holds nothing.
fn bomb() -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&100_000u32.to_be_bytes());
    header.extend_from_slice(&100_000u32.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for chunk in [&header[..], b"IDAT", b"IEND"] {
        file.extend_from_slice(&u32::try_from(chunk.len() - 4).unwrap().to_be_bytes());
        file.extend_from_slice(chunk);
        file.extend_from_slice(&crc32(chunk).to_be_bytes());
    }
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn goes_on(client: &Client) {
    client.post("/v1/embed", "image/png", &png(1)).ok();
}

#[test]
fn pictures_that_are_none() {
    let world = World::new();
    let server = world.server(|raw| raw.picture_bytes_max = Some(4096));
    let client = &server.client;
    let jpeg = encoded(&picture(1), ImageFormat::Jpeg);
    let cases: [(&[u8], u16, &str); 7] = [
        (b"", 400, "body_empty"),
        (b"<html>not found</html>", 422, "picture_unknown_format"),
        (&jpeg[..jpeg.len() / 2], 422, "picture_broken"),
        (&png(1)[..60], 422, "picture_broken"),
        (b"\x89PNG\r\n\x1a\n", 422, "picture_broken"),
        (&bomb(), 422, "picture_too_many_pixels"),
        (&[0xff; 5000], 413, "picture_too_many_bytes"),
    ];
    for (body, status, code) in cases {
        assert_eq!(client.post("/v1/embed", "image/jpeg", body).refused(status), code);
        if !body.is_empty() {
            let answer = client.post_json("/v1/embed", &json!({"images": [base64(&png(1)), base64(body)]}));
            assert_eq!(answer.refused(status), code);
            assert_eq!(answer.json()["error"]["param"], "images[1]");
        }
        goes_on(client);
    }
    let empty = client.post_json("/v1/embeddings", &json!({"input": [data_uri(&png(1)), ""]}));
    assert_eq!(empty.refused(400), "picture_empty");
    assert_eq!(empty.json()["error"]["param"], "input[1]");
    let form =
        client.post_form("/v1/embed", &[("a", Some("ok.png"), &png(1)), ("b", Some("bad.png"), b"bad")]);
    assert_eq!(form.refused(422), "picture_unknown_format");
    assert_eq!(form.json()["error"]["param"], "part 1 (bad.png)");
    goes_on(client);
}

#[test]
fn json_that_is_none_or_says_something_else() {
    let world = World::new();
    let server = world.server(|raw| raw.request_pictures_max = Some(2));
    let deep = format!("{{\"input\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let three = json!({"images": vec![base64(&png(1)); 3]}).to_string();
    let cases: [(&str, &str, u16, &str); 12] = [
        ("/v1/embeddings", "{}", 400, "invalid_json"),
        ("/v1/embeddings", "", 400, "body_empty"),
        ("/v1/embeddings", r#"{"input": "a cat"}"#, 400, "invalid_base64"),
        ("/v1/embeddings", r#"{"input": []}"#, 400, "no_picture"),
        ("/v1/embeddings", r#"{"input": "https://example.org/a.jpg"}"#, 400, "url_not_fetched"),
        ("/v1/embeddings", &deep, 400, "invalid_json"),
        ("/v1/embed", r#"{"image": "aGk=", "colour": 1}"#, 400, "invalid_json"),
        ("/v1/embed", r#"{"image": "aGk="} more"#, 400, "invalid_json"),
        ("/v1/embed", "{}", 400, "no_picture"),
        ("/v1/embed", &three, 413, "too_many_pictures"),
        ("/v1/embed?normalise=1", "{}", 400, "invalid_query"),
        ("/v1/embed?normalize=perhaps", "{}", 400, "invalid_query"),
    ];
    for (path, body, status, code) in cases {
        let answer = server.client.post(path, "application/json", body.as_bytes());
        assert_eq!(answer.refused(status), code, "{path} {}", &body[..body.len().min(60)]);
        goes_on(&server.client);
    }
    assert_eq!(server.client.post("/v1/embeddings", "text/plain", b"{}").refused(415), "json_expected");
}

#[test]
fn an_error_in_json_says_where_it_is_and_what_was_expected() {
    let world = World::new();
    let server = world.server(|_| ());
    let post = |body: &str| server.client.post("/v1/embeddings", "application/json", body.as_bytes());
    let message = |body: &str| post(body).json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message("{\"input\": \n  nonsense}").contains("line 2 column"));
    assert!(message(r#"{"input": [1, 2, 3]}"#).contains("not text or tokens"));
    assert_eq!(post(r#"{"input": [1, 2, 3]}"#).json()["error"]["param"], "input[0]");
}

#[test]
fn forms_that_are_none() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    let form = |body: &[u8]| client.post("/v1/embed", "multipart/form-data; boundary=x", body);
    assert_eq!(form(b"").refused(400), "invalid_multipart");
    assert_eq!(
        form(b"--x\r\ncontent-disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\nhalf").refused(400),
        "invalid_multipart"
    );
    assert_eq!(client.post("/v1/embed", "multipart/form-data", b"--x--").refused(400), "invalid_multipart");
    assert_eq!(client.post_form("/v1/embed", &[("note", None, b"no picture")]).refused(400), "no_picture");
    goes_on(client);
}

#[test]
fn paths_and_methods_that_are_none() {
    let world = World::new();
    let server = world.server(|_| ());
    let client = &server.client;
    assert_eq!(client.get("/v3/nothing").refused(404), "route_not_found");
    assert_eq!(client.get("/v1/embed").refused(405), "method_not_allowed");
    assert_eq!(client.get("/v1/models/gpt").refused(404), "model_not_found");
    assert_eq!(client.get("/v1/collections/%FF").refused(400), "invalid_path");
    goes_on(client);
}

#[test]
fn bodies_too_large_announced_or_not() {
    let world = World::new();
    let server = world.server(|raw| raw.body_bytes_max = Some(10_000));
    let body = vec![b'x'; 3_000_000];
    // Again and again over the same connection: what is left of a refused body must not break the next request.
    for _ in 0..20 {
        assert_eq!(server.client.post("/v1/embed", "", &body).refused(413), "body_too_large");
        goes_on(&server.client);
        assert_eq!(server.client.post_chunked("/v1/embed", &body[..200_000]).refused(413), "body_too_large");
        goes_on(&server.client);
    }
}

#[test]
fn an_endless_body_ends_its_connection() {
    let world = World::new();
    let server = world.server(|raw| raw.body_bytes_max = Some(10_000));
    let mut socket = TcpStream::connect(server.running.as_ref().unwrap().address).unwrap();
    socket.write_all(b"POST /v1/embed HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    // The server reads on for a while, so that a client that only writes sees the answer, but not for ever.
    let sent = (0..1000).take_while(|_| socket.write_all(&chunk).is_ok()).count();
    assert!(sent < 1000, "it read 64 MiB of a refused body");
    goes_on(&server.client);
}

#[test]
fn a_body_that_does_not_arrive() {
    let world = World::new();
    let server = world.server(|raw| raw.body_timeout_ms = Some(50));
    let mut socket = TcpStream::connect(server.running.as_ref().unwrap().address).unwrap();
    socket.write_all(b"POST /v1/embed HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nx").unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    goes_on(&server.client);
}
