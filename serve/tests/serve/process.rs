//! The real process: it starts, says where, stops in order, and keeps what it acknowledged when it is killed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::client::Client;
use crate::pictures::{assert_near, base64, embedding_of, floats, png};
use crate::world::{World, artefact, until};

pub(crate) struct Process {
    child: Child,
    pub(crate) client: Client,
}

/// The program, told nothing.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simclr-serve"));
    // The environment of whoever runs the tests is not the server's.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIMCLR_")) {
        command.env_remove(name);
    }
    command
}

pub(crate) fn command(data: &Path) -> Command {
    let mut command = bare();
    command.args(["--listen", "127.0.0.1:0", "--session-threads", "1", "--model"]);
    command.arg(artefact().folder()).arg("--data-dir").arg(data);
    command
}

fn start(data: &Path) -> Process {
    start_with(command(data).stderr(Stdio::null()))
}

/// Starts a server and waits until it says where it is.
pub(crate) fn start_with(command: &mut Command) -> Process {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let base =
        line.trim().strip_prefix("simclr-serve is ready on ").unwrap_or_else(|| panic!("it said {line:?}"));
    let client = Client::new(base);
    Process { child, client }
}

impl Process {
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_stops_in_order_and_keeps_its_records() {
    let world = World::new();
    for (signal, round) in [("-TERM", 0u8), ("-INT", 1)] {
        let mut process = start(world.data.path());
        if round == 0 {
            process.client.put("/v1/collections/kept", &Value::Null).ok();
            let records = json!([{"id": "a", "image": base64(&png(1)), "payload": {"n": 1}}]);
            process.client.post_json("/v1/collections/kept/records", &json!({ "records": records })).ok();
        }
        let record = process.client.get("/v1/collections/kept/records/a").ok();
        assert_eq!(record["payload"], json!({"n": 1}));
        assert_near(&floats(&record["vector"]), &embedding_of(&png(1)));
        let found = process.client.post("/v1/collections/kept/search", "", &png(1)).ok();
        assert_eq!(found["neighbours"][0]["id"], "a");
        process.signal(signal);
        assert_eq!(process.wait().code(), Some(0), "after {signal}");
    }
}

#[test]
fn killed_while_writing_it_keeps_every_acknowledged_record() {
    let world = World::new();
    let mut process = start(world.data.path());
    process.client.put("/v1/collections/k", &json!({"dimension": 3})).ok();
    let acknowledged: Vec<AtomicUsize> = (0..4).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for (writer, count) in acknowledged.iter().enumerate() {
            let client = process.client.clone();
            scope.spawn(move || {
                loop {
                    let n = count.load(Ordering::Relaxed);
                    let record = json!({"id": format!("{writer}-{n}"), "vector": [writer + 1, n, 1]});
                    let body = json!({ "records": [record] }).to_string();
                    let sent =
                        client.try_post("/v1/collections/k/records", "application/json", body.as_bytes());
                    // The kill ends the loop: no answer, no acknowledgement.
                    let Ok(answer) = sent else { return };
                    answer.ok();
                    count.store(n + 1, Ordering::Relaxed);
                }
            });
        }
        until("every writer wrote", || acknowledged.iter().all(|count| count.load(Ordering::Relaxed) >= 5));
        process.signal("-KILL");
        process.wait();
    });
    let process = start(world.data.path());
    for (writer, count) in acknowledged.iter().enumerate() {
        for n in 0..count.load(Ordering::Relaxed) {
            let record = process.client.get(&format!("/v1/collections/k/records/{writer}-{n}")).ok();
            assert_eq!(record["vector"], json!([(writer + 1) as f64, n as f64, 1.0]));
        }
    }
}

#[test]
fn mistakes_at_start_are_named_and_fail() {
    let world = World::new();
    let fails = |command: &mut Command, words: &[&str]| {
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        for word in words {
            assert!(text.contains(word), "{word} is not in {text}");
        }
    };
    let mut bare = Command::new(env!("CARGO_BIN_EXE_simclr-serve"));
    fails(bare.env_remove("SIMCLR_MODEL").env_remove("SIMCLR_CONFIG"), &["--model", "SIMCLR_MODEL"]);
    fails(command(world.data.path()).args(["--sessions", "0"]), &["--sessions 0", "at least 1"]);
    #[cfg(not(feature = "otel"))]
    fails(command(world.data.path()).args(["--otlp-endpoint", "http://[::1]:1"]), &["--features otel"]);
    fails(command(world.data.path()).args(["--provider", "gpu"]), &["--provider gpu", "cuda"]);
    // Built in or not: this machine's ONNX Runtime computes on the CPU alone, and must say so.
    fails(command(world.data.path()).args(["--provider", "tensorrt"]), &["tensorrt"]);
    let file = world.file("serve.toml");
    std::fs::write(&file, "modle = \"x\"").unwrap();
    fails(command(world.data.path()).arg("--config").arg(&file), &["serve.toml", "modle"]);
    let mut nowhere = Command::new(env!("CARGO_BIN_EXE_simclr-serve"));
    let folder = world.file("nowhere");
    nowhere.env_remove("SIMCLR_CONFIG").arg("--model").arg(&folder).arg("--data-dir").arg(world.data.path());
    fails(&mut nowhere, &["nowhere"]);
    let _first = start(&world.data.path().join("shared"));
    fails(&mut command(&world.data.path().join("shared")), &["in use"]);
}

#[test]
fn the_file_and_the_environment_configure_it() {
    let world = World::new();
    let file = world.file("serve.toml");
    std::fs::write(&file, "request-pictures-max = 3\nqueue-pictures-max = 9\n").unwrap();
    let mut command = command(&world.data.path().join("data"));
    command.env("SIMCLR_CONFIG", &file).env("SIMCLR_REQUEST_PICTURES_MAX", "4");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let client = Client::new(line.trim().strip_prefix("simclr-serve is ready on ").unwrap());
    let limits = client.get("/v1/describe").ok()["limits"].clone();
    assert_eq!((&limits["request_pictures_max"], &limits["queue_pictures_max"]), (&json!(4), &json!(9)));
    let mut process = Process { child, client };
    process.signal("-TERM");
    process.wait();
    let mut log = String::new();
    process.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let request = log.lines().find(|line| line.contains("/v1/describe")).unwrap();
    let request: Value = serde_json::from_str(request).unwrap();
    assert_eq!((&request["status"], &request["method"]), (&json!(200), &json!("GET")));
    assert!(request["request_id"].as_str().is_some_and(|id| id.len() > 20), "{request}");
}
