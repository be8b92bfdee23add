//! Runs whose results and features lie in a bucket, against a real S3 server on loopback.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::channel;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use simclr_eval::{Outcome, Storage};

/// Starts a server for the rest of the process; a bucket is a folder in `root`.
fn serve(root: &Path) -> SocketAddr {
    let mut builder = S3ServiceBuilder::new(FileSystem::new(root).unwrap());
    builder.set_auth(SimpleAuth::from_single("key", "secret"));
    let service = builder.build();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
    });
    receiver.recv().unwrap()
}

fn settings(at: SocketAddr) -> Vec<(String, String)> {
    let endpoint = format!("http://{at}");
    let pairs = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("PATH", "is nothing that a bucket knows"),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
}

fn eval(words: &str, at: SocketAddr) -> Output {
    let settings = settings(at).into_iter().filter(|(key, _)| key != "PATH");
    Command::new(env!("CARGO_BIN_EXE_simclr-eval"))
        .args(words.split_whitespace())
        .envs(settings)
        .output()
        .unwrap()
}

#[test]
fn names_are_written_read_and_listed() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("results")).unwrap();
    let at = serve(home.path());
    let storage = Storage::bucket("s3://results/some/prefix/", settings(at)).unwrap();
    assert!(storage.read("a/b").unwrap().is_none() && storage.list().unwrap().is_empty());
    let large = vec![7_u8; 3 << 20];
    storage.write("a/b", b"1").unwrap();
    storage.under("a").write("b", &large).unwrap();
    storage.write("width=1,x/c", b"3").unwrap();
    assert_eq!(storage.list().unwrap(), ["a/b", "width=1,x/c"]);
    assert_eq!(storage.under("a").list().unwrap(), ["b"]);
    assert!(storage.read("a/b").unwrap().unwrap() == large);
    assert_eq!(storage.under("a").to_string(), "s3://results/some/prefix/a");

    let mut wrong = settings(at);
    wrong[2].1 = "guessed".to_owned();
    let other = Storage::bucket("s3://results/x", wrong).unwrap();
    let text = other.write("a", b"1").unwrap_err().to_string();
    assert!(text.contains("s3://results/x/a"), "{text}");
    assert!(Storage::bucket("s3:///x", settings(at)).is_err());
}

#[test]
fn two_shards_meet_in_a_bucket_and_a_run_goes_on_there() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().display();
    fs::create_dir_all(home.path().join("buckets/results")).unwrap();
    let at = serve(&home.path().join("buckets"));
    common::tiny_artefact(&home.path().join("tiny"));
    for name in ["a", "b"] {
        common::colours(&home.path().join(name), 30, 8);
    }
    let run = format!(
        "run --encoder {path}/tiny --dataset folder:a={path}/a --dataset folder:b={path}/b --threads 1 --out"
    );
    for shard in ["0/2", "1/2"] {
        let output = eval(&format!("{run} s3://results/mine --shard {shard}"), at);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let here = format!("{path}/here");
    assert!(eval(&format!("{run} {here}"), at).status.success());
    let merged = eval("report s3://results/mine --json", at);
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    assert_eq!(merged.stdout, eval(&format!("report {here} --json"), at).stdout);

    let again = eval(&format!("{run} s3://results/mine"), at);
    let told = String::from_utf8(again.stderr).unwrap();
    assert!(told.contains("2 evaluations, 2 finished; 0 pictures"), "{told}");
    let bucket = Storage::bucket("s3://results/mine", settings(at)).unwrap();
    let outcomes = Outcome::load_all(&bucket).unwrap();
    assert_eq!(outcomes.len(), 2);
    assert!(bucket.list().unwrap().contains(&"tiny/classifiers/folder-a.safetensors".to_owned()));
}
