//! Limits hold: a full server says so and when to come back, callers who left cost nothing, a stop loses no answer.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::json;
use simclr_models::{EncodeError, ImageBatch};
use simclr_serve::{RawConfig, Stopped};

use crate::pictures::png;
use crate::world::{Fake, Server, World, ones, until};

/// A server whose encoder tells of each run and waits for a word before it answers.
pub(crate) struct Gated {
    pub(crate) server: Server,
    pub(crate) runs: Receiver<usize>,
    pub(crate) go: Sender<()>,
}

pub(crate) fn gated(world: &World, change: impl FnOnce(&mut RawConfig)) -> Gated {
    let (run_sender, runs) = channel();
    let (go, go_receiver) = channel();
    // The two runs that warm it.
    go.send(()).unwrap();
    go.send(()).unwrap();
    let encoder = Fake(move |images: &ImageBatch| {
        run_sender.send(images.len()).unwrap();
        // Nobody left to say the word: the test is over.
        let _ = go_receiver.recv();
        ones(images)
    });
    let server = world.server_with(encoder, change);
    runs.recv().unwrap();
    runs.recv().unwrap();
    Gated { server, runs, go }
}

fn one_at_a_time(raw: &mut RawConfig) {
    raw.batch_pictures_max = Some(1);
    raw.request_pictures_max = Some(1);
    raw.queue_pictures_max = Some(2);
}

impl Gated {
    fn waiting(&self) -> f64 {
        self.server.client.metric("simclr_queue_pictures").unwrap()
    }
}

#[test]
fn a_full_queue_is_429_with_retry_after_and_what_was_admitted_is_answered() {
    let world = World::new();
    let gated = gated(&world, one_at_a_time);
    let client = &gated.server.client;
    std::thread::scope(|scope| {
        let post = || scope.spawn(|| client.post("/v1/embed", "", &png(1)));
        let mut admitted = vec![post()];
        gated.runs.recv().unwrap();
        admitted.extend([post(), post()]);
        until("two wait", || gated.waiting() == 2.0);
        let refused = client.post("/v1/embed", "", &png(1));
        assert_eq!(refused.refused(429), "queue_full");
        let seconds: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds));
        assert_eq!(client.get("/health/ready").status, 200);
        for _ in 0..3 {
            gated.go.send(()).unwrap();
        }
        for answer in admitted {
            answer.join().unwrap().ok();
        }
    });
    assert_eq!(client.metric(r#"simclr_refused_total{reason="queue_full"}"#), Some(1.0));
    assert_eq!(gated.waiting(), 0.0);
}

#[test]
fn nothing_is_fetched_for_a_queue_that_is_full() {
    let world = World::new();
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = host.local_addr().unwrap();
    let gated = gated(&world, |raw| {
        one_at_a_time(raw);
        (raw.fetch_allow, raw.fetch_private) = (Some(vec![address.to_string()]), Some(true));
    });
    let client = &gated.server.client;
    std::thread::scope(|scope| {
        let post = || scope.spawn(|| client.post("/v1/embed", "", &png(1)));
        let first = post();
        gated.runs.recv().unwrap();
        let others = [post(), post()];
        until("two wait", || gated.waiting() == 2.0);
        let refused = client.post_json("/v1/embed", &json!({ "image": format!("http://{address}/a.png") }));
        assert_eq!(refused.refused(429), "queue_full");
        host.set_nonblocking(true).unwrap();
        assert!(host.accept().is_err(), "the host was asked for a picture that nobody can embed");
        for _ in 0..3 {
            gated.go.send(()).unwrap();
        }
        for answer in [first].into_iter().chain(others) {
            answer.join().unwrap().ok();
        }
    });
}

#[test]
fn callers_who_left_leave_the_queue() {
    let world = World::new();
    let gated = gated(&world, one_at_a_time);
    let file = png(1);
    let send = || {
        let mut socket = TcpStream::connect(gated.server.running.as_ref().unwrap().address).unwrap();
        write!(socket, "POST /v1/embed HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", file.len())
            .unwrap();
        socket.write_all(&file).unwrap();
        socket
    };
    let mut sockets = vec![send()];
    gated.runs.recv().unwrap();
    sockets.extend([send(), send()]);
    until("two wait", || gated.waiting() == 2.0);
    drop(sockets);
    until("nobody waits", || gated.waiting() == 0.0);
    let left = r#"simclr_requests_cancelled_total{route="/v1/embed",method="POST"}"#;
    until("all three are counted", || gated.server.client.metric(left) == Some(3.0));
    gated.go.send(()).unwrap();
    // The next run is the newcomer's, not that of a caller who left.
    std::thread::scope(|scope| {
        let newcomer = scope.spawn(|| gated.server.client.post("/v1/embed", "", &file));
        gated.runs.recv().unwrap();
        gated.go.send(()).unwrap();
        newcomer.join().unwrap().ok();
    });
    assert_eq!(gated.server.client.metric("simclr_pictures_total"), Some(2.0));
}

#[test]
fn requests_and_bodies_are_limited_before_they_are_read() {
    let world = World::new();
    let gated = gated(&world, |raw| raw.requests_max = Some(1));
    let client = &gated.server.client;
    std::thread::scope(|scope| {
        let first = scope.spawn(|| client.post("/v1/embed", "", &png(1)));
        gated.runs.recv().unwrap();
        let refused = client.post("/v1/embed", "", &png(1));
        assert_eq!(refused.refused(429), "requests_full");
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(client.get("/health/live").status, 200);
        gated.go.send(()).unwrap();
        first.join().unwrap().ok();
    });
    let world = World::new();
    let gated = self::gated(&world, |raw| {
        (raw.body_bytes_max, raw.bodies_bytes_max) = (Some(2000), Some(2000));
    });
    let client = &gated.server.client;
    assert!(png(1).len() < 1024, "the test's picture is too large");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| client.post("/v1/embed", "", &png(1)));
        gated.runs.recv().unwrap();
        assert_eq!(client.post("/v1/embed", "", &[0; 1500]).refused(429), "bodies_full");
        gated.go.send(()).unwrap();
        first.join().unwrap().ok();
    });
}

#[test]
fn a_deadline_is_503_and_frees_the_place() {
    let world = World::new();
    let gated = gated(&world, |raw| raw.request_deadline_ms = Some(100));
    let late = gated.server.client.post("/v1/embed", "", &png(1));
    assert_eq!(late.refused(503), "deadline_exceeded");
    assert_eq!(late.header("retry-after"), "1");
    until("nobody waits", || gated.waiting() == 0.0);
    gated.go.send(()).unwrap();
}

#[test]
fn a_failing_encoder_is_500_then_not_ready_then_well_again() {
    let world = World::new();
    let mut run = 0;
    let encoder = Fake(move |images: &ImageBatch| {
        run += 1;
        match run {
            3 => Err(EncodeError::Runtime("secret path".to_owned())),
            4 => panic!("on purpose"),
            5 => Ok(Vec::new()),
            _ => ones(images),
        }
    });
    let server = world.server_with(encoder, |_| ());
    for _ in 3..6 {
        assert_eq!(server.client.get("/health/ready").status, 200);
        let answer = server.client.post("/v1/embed", "", &png(1));
        assert_eq!(answer.refused(500), "internal_error");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
    }
    assert_eq!(server.client.get("/health/ready").status, 503);
    server.client.post("/v1/embed", "", &png(1)).ok();
    assert_eq!(server.client.get("/health/ready").status, 200);
}

#[test]
fn a_stop_answers_what_is_in_flight_and_refuses_what_comes() {
    let world = World::new();
    let Gated { mut server, runs, go } = gated(&world, |_| ());
    let address = server.running.as_ref().unwrap().address;
    let client = server.client.clone();
    std::thread::scope(|scope| {
        let in_flight = scope.spawn(|| client.post("/v1/embed", "", &png(1)));
        runs.recv().unwrap();
        let stopping = scope.spawn(|| server.stop());
        until("nobody is let in", || TcpStream::connect(address).is_err());
        assert!(!stopping.is_finished());
        go.send(()).unwrap();
        in_flight.join().unwrap().ok();
        assert_eq!(stopping.join().unwrap(), Stopped::Drained);
    });
}

#[test]
fn room_is_taken_by_what_arrives_and_not_by_what_is_announced() {
    let world = World::new();
    let server = world.server(|raw| {
        (raw.body_bytes_max, raw.bodies_bytes_max) = (Some(64 << 10), Some(512 << 10));
    });
    let client = &server.client;
    let send = |bytes: usize| {
        let mut socket = TcpStream::connect(server.running.as_ref().unwrap().address).unwrap();
        socket.write_all(b"POST /v1/embed HTTP/1.1\r\nhost: x\r\ncontent-length: 65536\r\n\r\n").unwrap();
        socket.write_all(&vec![b'x'; bytes]).unwrap();
        socket
    };
    let slow: Vec<TcpStream> = (0..8).map(|_| send(1)).collect();
    client.post("/v1/embed", "", &png(1)).ok();
    assert!(client.post_chunked("/v1/embed", &png(1)).ok()["embeddings"].is_array());
    let code = || client.post_chunked("/v1/embed", &[b'x'; 20 << 10]).json()["error"]["code"].clone();
    let mut large = Vec::new();
    until("there is no room", || {
        large.push(send(62 << 10));
        code() == "bodies_full"
    });
    drop(large);
    until("there is room again", || code() == "picture_unknown_format");
    drop(slow);
}
