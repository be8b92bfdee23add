//! Pictures that are named by address: fetched where that was allowed, and refused by every way around it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::client::Answer;
use crate::pictures::{assert_near, base64, embedding_of, floats, png};
use crate::process::{command, start_with};
use crate::world::{Server, World};

/// A host that answers every request with the same bytes and counts them; ends with the test's process.
struct Host {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Host {
    fn new(answer: impl Fn(&mut TcpStream, &str) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = head(&mut stream);
                count.fetch_add(1, Ordering::Relaxed);
                answer(&mut stream, &request);
            }
        });
        Self { port, asked }
    }

    fn of(status: &'static str, headers: &'static str, body: Vec<u8>) -> Self {
        Self::new(move |stream, _| {
            let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
            // Whoever had enough leaves before the end.
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        })
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}/a.png", self.port)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn head(stream: &mut TcpStream) -> String {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A server that may fetch from these hosts, on loopback too.
fn fetching(world: &World, hosts: &[&Host]) -> Server {
    let allowed = hosts.iter().map(|host| format!("127.0.0.1:{}", host.port)).collect();
    world.server(|raw| {
        (raw.fetch_allow, raw.fetch_private) = (Some(allowed), Some(true));
        (raw.fetch_timeout_ms, raw.picture_bytes_max) = (Some(500), Some(50_000));
    })
}

fn ask(server: &Server, address: &str) -> Answer {
    server.client.post_json("/v1/embed", &json!({ "image": address }))
}

#[test]
fn a_listed_hosts_picture_is_embedded_wherever_a_picture_may_stand() {
    let world = World::new();
    let host = Host::of("200 OK", "content-type: image/png\r\n", png(1));
    let server = fetching(&world, &[&host]);
    let (address, expected) = (host.address(), embedding_of(&png(1)));
    let one = ask(&server, &address).ok();
    assert_near(&floats(&one["embeddings"][0]), &expected);
    let body = json!({"input": [base64(&png(2)), {"image": address}]});
    let two = server.client.post_json("/v1/embeddings", &body).ok();
    assert_near(&floats(&two["data"][1]["embedding"]), &expected);
    server.client.put("/v1/collections/c", &json!(null)).ok();
    let records = json!({"records": [{"id": "a", "image": address}]});
    server.client.post_json("/v1/collections/c/records", &records).ok();
    let found = server.client.post_json("/v1/collections/c/search", &json!({"image": address})).ok();
    assert!(found["neighbours"][0]["score"].as_f64().unwrap() > 0.999);
    assert_eq!(host.asked(), 4);
}

#[test]
fn nothing_is_fetched_from_elsewhere() {
    let world = World::new();
    let (listed, other) = (Host::of("200 OK", "", png(1)), Host::of("200 OK", "", png(1)));
    let server = fetching(&world, &[&listed]);
    let port = listed.port;
    let addresses = [
        other.address(),
        format!("http://localhost:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}@127.0.0.1:{}/", other.port),
        format!("http://127.1:{port}/"),
        format!("ftp://127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
        "http:///x".to_owned(),
        "https://".to_owned(),
    ];
    for address in addresses {
        let answer = ask(&server, &address);
        assert_eq!(answer.refused(400), "url_not_fetched", "{address}");
        assert_eq!(answer.json()["error"]["param"], "image");
    }
    assert_eq!((listed.asked(), other.asked()), (0, 0));
}

#[test]
fn addresses_of_the_servers_own_network_need_a_word_of_their_own() {
    let world = World::new();
    let host = Host::of("200 OK", "", png(1));
    let names = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"];
    let allowed = names.iter().map(|name| format!("{name}:{}", host.port)).collect();
    let server = world.server(|raw| raw.fetch_allow = Some(allowed));
    for name in names {
        let answer = ask(&server, &format!("http://{name}:{}/a.png", host.port));
        assert_eq!(answer.refused(400), "url_private", "{name}");
    }
    assert_eq!(host.asked(), 0);
}

#[test]
fn a_redirect_is_not_followed_and_other_answers_are_told() {
    let world = World::new();
    let target = Host::of("200 OK", "", png(1));
    let location = target.address();
    let redirect = Host::new(move |stream, _| {
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let gone = Host::of("404 Not Found", "", Vec::new());
    let large = Host::of("200 OK", "", vec![0xff; 50_001]);
    let endless = Host::new(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[0xff; 4096]).is_ok() {}
    });
    let page = Host::of("200 OK", "content-type: text/html\r\n", b"<html>".to_vec());
    let noise = Host::new(|stream, _| stream.write_all(b"220 mail.example.org ESMTP\r\n").unwrap());
    let hosts = [&redirect, &gone, &large, &endless, &page, &noise, &target];
    let server = fetching(&world, &hosts);
    let cases = [
        (&redirect, 422, "url_status"),
        (&gone, 422, "url_status"),
        (&large, 413, "picture_too_many_bytes"),
        (&endless, 413, "picture_too_many_bytes"),
        (&page, 422, "picture_unknown_format"),
        (&noise, 422, "url_failed"),
    ];
    for (host, status, code) in cases {
        assert_eq!(ask(&server, &host.address()).refused(status), code);
    }
    assert_eq!(target.asked(), 0, "a redirect was followed");
    let body = json!({"images": [base64(&png(1)), gone.address()], "on_error": "skip"});
    let skipped = server.client.post_json("/v1/embed", &body).ok();
    assert_eq!(
        (&skipped["kept_indices"], &skipped["skipped"][0]["code"]),
        (&json!([0]), &json!("url_status"))
    );
}

#[test]
fn a_host_that_does_not_answer_is_left() {
    let world = World::new();
    // Accepted by the system and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = Host { port: silent.local_addr().unwrap().port(), asked: Arc::default() };
    let gone = Host { port: nobody, asked: Arc::default() };
    let server = fetching(&world, &[&host, &gone]);
    assert_eq!(ask(&server, &host.address()).refused(422), "url_late");
    assert_eq!(ask(&server, &gone.address()).refused(422), "url_failed");
}

/// The system's authorities are those of a file here, so that a certificate of the test's own is trusted; in a process of
/// its own, as the variable is the process's.
#[test]
fn https_is_fetched_from_a_host_whose_certificate_is_trusted() {
    let world = World::new();
    let trusted = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let roots = world.file("roots.pem");
    std::fs::write(&roots, trusted.cert.pem()).unwrap();
    let ports = [trusted, stranger].map(|pair| tls_host(&pair));
    let allowed = ports.map(|port| format!("localhost:{port}")).join(",");
    let mut command = command(&world.file("data"));
    command.env("SSL_CERT_FILE", &roots).env_remove("SSL_CERT_DIR");
    let process = start_with(command.args(["--fetch-private", "--fetch-allow", &allowed, "--log", "error"]));
    let ask = |port| {
        let body = json!({"image": format!("https://localhost:{port}/a.png")});
        process.client.post_json("/v1/embed", &body)
    };
    assert_near(&floats(&ask(ports[0]).ok()["embeddings"][0]), &embedding_of(&png(1)));
    assert_eq!(ask(ports[1]).refused(422), "url_failed");
}

/// A host that speaks TLS with this certificate.
fn tls_host(pair: &rcgen::CertifiedKey<rcgen::KeyPair>) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio_rustls::rustls::{ServerConfig, crypto::ring::default_provider};
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![pair.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = stream.read(&mut [0; 2048]).await;
                let body = png(1);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
                let _ = stream.shutdown().await;
            }
        });
    });
    port
}
