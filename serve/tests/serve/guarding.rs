//! Who is let in: API keys and their scopes, origins, slow headers, too many connections, TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::json;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};

use crate::pictures::png;
use crate::process::{bare, command, start_with};
use crate::world::{Server, World, artefact, make_artefact, until};

const READER: &str = "reader-0123456789abcdef";
const WRITER: &str = "writer-0123456789abcdef";
const ADMIN: &str = "admin-0123456789abcdef";

fn with_keys(world: &World) -> (Server, PathBuf) {
    let file = world.file("keys");
    let text = format!("r read {READER}\nw write {WRITER}\na admin {ADMIN}\n");
    std::fs::write(&file, text).unwrap();
    let path = file.clone();
    (world.server(|raw| raw.api_keys = Some(path)), file)
}

#[test]
fn each_scope_opens_its_routes_and_no_more() {
    let world = World::new();
    let (server, _file) = with_keys(&world);
    let ask = |method: &str, path: &str, key: &str, body: &[u8]| {
        server.client.send(method, path, &[("authorization", &format!("Bearer {key}"))], body).status
    };
    let file = png(1);
    for path in ["/health/live", "/health/ready", "/v2/health/ready", "/", "/docs/", "/openapi.json"] {
        assert_eq!(server.client.get(path).status, 200, "{path} is for everybody");
    }
    for path in ["/v1/models", "/metrics", "/v1/collections", "/v2/models/tiny"] {
        assert_eq!(server.client.get(path).status, 401, "{path} needs a key");
    }
    let refused = server.client.post("/v1/embed", "", &file);
    assert_eq!(refused.refused(401), "invalid_api_key");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    let large = server.client.post("/v1/embed", "", &vec![0; 3_000_000]);
    assert_eq!(large.refused(401), "invalid_api_key");
    assert_eq!(ask("POST", "/v1/embed", "wrong-0123456789abcdef", &file), 401);
    assert_eq!(ask("POST", "/v1/embed", READER, &file), 200);
    assert_eq!(server.client.send("POST", "/v1/embed", &[("x-api-key", READER)], &file).status, 200);
    assert_eq!(
        server
            .client
            .send("POST", "/v1/embed", &[("authorization", "bEARER  reader-0123456789abcdef")], &file)
            .status,
        200
    );
    let proxied = [("authorization", "Basic dXNlcjpwYXNz"), ("x-api-key", READER)];
    assert_eq!(server.client.send("POST", "/v1/embed", &proxied, &file).status, 200);
    assert_eq!(ask("PUT", "/v1/collections/c", READER, b""), 403);
    assert_eq!(ask("PUT", "/v1/collections/c", WRITER, b""), 201);
    assert_eq!(ask("POST", "/v1/collections/c/records?id=a", READER, &file), 403);
    assert_eq!(ask("POST", "/v1/collections/c/records?id=a", WRITER, &file), 200);
    assert_eq!(ask("POST", "/v1/collections/c/search", READER, &file), 200);
    assert_eq!(ask("PUT", "/v1/models/tiny", WRITER, b""), 403);
    assert_eq!(ask("POST", "/v2/repository/models/tiny/load", WRITER, b""), 403);
    assert_eq!(ask("PUT", "/v1/models/tiny", ADMIN, b""), 200);
    assert_eq!(ask("DELETE", "/v1/collections/c", ADMIN, b""), 204);
}

#[test]
fn a_changed_file_is_read_again() {
    let world = World::new();
    let (server, file) = with_keys(&world);
    let status = |key: &str| server.client.send("GET", "/v1/models", &[("x-api-key", key)], b"").status;
    assert_eq!(status(READER), 200);
    std::fs::write(&file, "new read another-0123456789abcdef\n").unwrap();
    until("the new key is known", || status("another-0123456789abcdef") == 200);
    assert_eq!(status(READER), 401);
}

#[test]
fn only_listed_origins_are_told_that_they_may() {
    let world = World::new();
    let server = world.server(|raw| raw.cors_origins = Some(vec!["https://a.example".to_owned()]));
    let allowed = |server: &Server, origin: &str| {
        let answer = server.client.send("GET", "/v1/models", &[("origin", origin)], b"");
        answer.header("access-control-allow-origin").to_owned()
    };
    assert_eq!(allowed(&server, "https://a.example"), "https://a.example");
    assert_eq!(allowed(&server, "https://b.example"), "");
    let headers = [("origin", "https://a.example"), ("accept", "application/x-npy")];
    let numbers = server.client.send("POST", "/v1/embed", &headers, &png(1));
    let exposed = numbers.header("access-control-expose-headers").to_owned();
    for name in ["x-space-key", "x-dimension", "x-kept-indices", "x-request-id"] {
        assert!(exposed.contains(name) && !numbers.header(name).is_empty(), "{name}: {exposed}");
    }
    assert!(
        exposed.contains("retry-after") && exposed.contains("inference-header-content-length"),
        "{exposed}"
    );
    let headers = [("origin", "https://a.example"), ("access-control-request-method", "POST")];
    assert_eq!(server.client.send("OPTIONS", "/v1/embed", &headers, b"").status, 200);
    let other = World::new();
    assert_eq!(allowed(&other.server(|_| ()), "https://a.example"), "");
}

#[test]
fn a_header_that_does_not_arrive_ends_its_connection_and_frees_its_place() {
    let world = World::new();
    let server = world.server(|raw| (raw.header_timeout_ms, raw.connections_max) = (Some(200), Some(1)));
    let address = server.running.as_ref().unwrap().address;
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost:").unwrap();
    // It waits for the one place, and gets it when the slow one is shown out.
    assert_eq!(server.client.get("/health/live").status, 200);
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
}

/// A client with little room that asks for much and reads nothing.
pub(crate) fn deaf(address: SocketAddr) -> TcpStream {
    let connecting = async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.connect(address).await?.into_std()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut stream = runtime.block_on(connecting).unwrap();
    stream.set_nonblocking(false).unwrap();
    // More than the two systems keep for it.
    let request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(&request.repeat(20)).unwrap();
    stream
}

#[test]
fn an_answer_that_is_not_read_ends_its_connection_and_frees_its_place() {
    let world = World::new();
    let server = world.server(|raw| (raw.write_timeout_ms, raw.connections_max) = (Some(200), Some(1)));
    let _deaf = deaf(server.running.as_ref().unwrap().address);
    // It waits for the one place, and gets it when the deaf one is shown out.
    assert_eq!(server.client.get("/health/live").status, 200);
}

pub(crate) fn certificate(world: &World) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(world.file("certificate.pem"), made.cert.pem()).unwrap();
    std::fs::write(world.file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

/// The status line of a GET over TLS, by a client that trusts this certificate alone.
fn over_tls(server: &Server, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = server.running.as_ref().unwrap().address;
    server.runtime.block_on(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let socket = tokio::net::TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
        stream
            .write_all(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
    })
}

#[test]
fn it_speaks_tls_and_takes_a_new_certificate_without_a_stop() {
    let world = World::new();
    let first = certificate(&world);
    let (pem, key) = (world.file("certificate.pem"), world.file("key.pem"));
    let server = world.server(|raw| (raw.tls_certificate, raw.tls_key) = (Some(pem), Some(key)));
    assert_eq!(over_tls(&server, &first).unwrap(), "HTTP/1.1 200 OK");
    let second = certificate(&world);
    until("the new certificate is shown", || over_tls(&server, &second).is_ok());
    assert!(over_tls(&server, &first).is_err());
}

#[test]
fn mistakes_in_what_the_configuration_names_are_all_told() {
    let world = World::new();
    let config = world.config(|raw| {
        raw.api_keys = Some(world.file("no-keys"));
        (raw.tls_certificate, raw.tls_key) = (Some(world.file("no.pem")), Some(world.file("no.key")));
        raw.model = Some(world.file("no-model"));
    });
    let problems: Vec<String> = simclr_serve::App::check(&config).iter().map(ToString::to_string).collect();
    for words in ["no-keys", "no.pem", "no-model"] {
        assert!(problems.iter().any(|problem| problem.contains(words)), "{words}: {}", json!(problems));
    }
    assert!(simclr_serve::App::check(&world.config(|_| ())).is_empty());
}

#[test]
fn mistakes_of_the_configuration_hide_none_of_the_files() {
    let world = World::new();
    let models = world.file("models");
    for name in ["first", "second"] {
        make_artefact(&models.join(name), name, 1);
        std::fs::write(models.join(name).join("encoder.onnx"), b"torn").unwrap();
    }
    std::fs::write(world.file("no-folder"), b"a file").unwrap();
    let mut command = bare();
    command.args(["--check", "--sessions", "0", "--data-dir"]).arg(world.file("no-folder/data"));
    let output = command.arg("--models-dir").arg(models).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for words in ["--sessions 0", "models/first", "models/second", "no-folder is not a folder"] {
        assert_eq!(told.lines().filter(|line| line.contains(words)).count(), 1, "{words}: {told}");
    }
}

#[test]
fn what_a_running_server_holds_can_be_checked() {
    let world = World::new();
    let data = world.file("data");
    let running = start_with(command(&data).stderr(Stdio::null()));
    let mut command = bare();
    command.args(["--check", "--session-threads", "1", "--listen"]);
    command.arg(running.client.base.strip_prefix("http://").unwrap());
    let output =
        command.arg("--model").arg(artefact().folder()).arg("--data-dir").arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
