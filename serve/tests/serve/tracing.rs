//! Traces: a caller's `traceparent` goes in, spans of its trace come out by OTLP, to a collector of the test's own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use crate::pictures::png;
use crate::process::{command, start_with};
use crate::world::{DEADLINE, World};

const TRACE: [u8; 16] =
    [0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36];
const PARENT: [u8; 8] = [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7];

/// A collector that takes everything and passes on what it got: path and body.
fn collector() -> (u16, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut bytes, mut more) = (Vec::new(), [0; 4096]);
            let (head, length) = loop {
                let read = stream.read(&mut more).unwrap();
                assert!(read > 0, "the exporter left in the middle of a request");
                bytes.extend_from_slice(&more[..read]);
                let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                let length =
                    head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
                let length: usize = length.trim().parse().unwrap();
                if bytes.len() >= end + 4 + length {
                    break (head, length);
                }
            };
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            if sender.send((path, bytes[bytes.len() - length..].to_vec())).is_err() {
                return;
            }
        }
    });
    (port, received)
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_request_is_a_child_of_its_callers_span_and_the_parent_of_its_steps() {
    let world = World::new();
    let (port, received) = collector();
    let mut command = command(&world.file("data"));
    let endpoint = format!("http://127.0.0.1:{port}");
    // Traces do not depend on what is logged.
    let mut process = start_with(command.args(["--log", "error", "--otlp-endpoint", &endpoint]));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    process.client.post_with("/v1/embed", &[("traceparent", parent)], &png(1)).ok();
    process.signal("-TERM");
    assert_eq!(process.wait().code(), Some(0));
    let (path, body) = received.recv_timeout(DEADLINE).unwrap();
    assert_eq!(path, "/v1/traces");
    assert!(holds(&body, &TRACE), "the caller's trace is not in it");
    assert!(holds(&body, &PARENT), "the request is not a child of the caller's span");
    for words in ["simclr-serve", "POST /v1/embed", "prepare", "embed", "http.response.status_code"] {
        assert!(holds(&body, words.as_bytes()), "{words} is not in it");
    }
}

#[test]
fn a_collector_that_is_not_there_stops_nobody() {
    let world = World::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = command(&world.file("data"));
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut process = start_with(command.args(["--log", "off", "--otlp-endpoint", &endpoint]));
    process.client.post("/v1/embed", "", &png(1)).ok();
    process.signal("-TERM");
    assert_eq!(process.wait().code(), Some(0));
}
