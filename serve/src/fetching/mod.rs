//! Pictures that requests name by address: fetched from hosts that the configuration lists, and from nowhere else.
//!
//! An address (http or https) goes in; bytes come out, or why not. The host's name is resolved once, every address it
//! leads to is looked at, and the connection goes to one of just those; no redirect is followed; bytes, time and fetches
//! held at once have limits. Knows no pictures and no status codes.

mod addresses;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT, HOST, USER_AGENT};
use axum::http::{Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

pub(crate) use addresses::Pattern;

/// What may be fetched.
#[derive(Debug, Clone)]
pub struct FetchRules {
    pub(crate) allowed: Vec<Pattern>,
    pub(crate) private: bool,
    pub(crate) at_once: usize,
    pub(crate) timeout: Duration,
    pub(crate) bytes_max: usize,
}

/// Fetches within its rules.
pub(crate) struct Fetcher {
    rules: FetchRules,
    room: Arc<Semaphore>,
    /// Nothing where the system trusts no certificate authority.
    tls: Option<TlsConnector>,
}

/// What an address brought, and a place among the fetches for as long as it is held: that bounds what all of them hold.
pub(crate) struct Fetched {
    pub(crate) bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

/// Why a picture was not fetched; no message repeats the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// Send the picture itself.
    #[error("addresses are not fetched: send the picture itself, as a data URI or base64")]
    Off,
    /// Send the picture itself, or ask the operator for the host.
    #[error("this server fetches no picture from that address: {0}")]
    NotAllowed(&'static str),
    /// As above; the host's name leads into the server's own network.
    #[error("the host's name leads to an address that is not of the public internet")]
    Private,
    /// Ask the host's operator, or send the picture itself.
    #[error("the picture could not be fetched: {0}")]
    Failed(&'static str),
    /// As above.
    #[error(
        "the picture could not be fetched: the host answered with status {0}; redirects are not followed"
    )]
    Status(u16),
    /// Send a smaller picture.
    #[error("the picture has more than the {0} bytes allowed")]
    TooManyBytes(usize),
    /// Come back later, or send the picture itself.
    #[error("the picture did not arrive within {0} ms")]
    Late(u128),
}

/// An address that was understood and whose host is on the list.
struct Target {
    host: String,
    port: u16,
    encrypted: bool,
    authority: String,
    path: String,
}

impl Fetcher {
    /// Fetches by these rules, trusting the authorities that the system trusts.
    pub(crate) fn new(rules: FetchRules) -> Self {
        let tls = connector();
        if tls.is_none() {
            tracing::warn!("the system has no certificate authorities: pictures are fetched by http alone");
        }
        Self { room: Arc::new(Semaphore::new(rules.at_once)), rules, tls }
    }

    /// The bytes at an address.
    pub(crate) async fn fetch(&self, address: &str) -> Result<Fetched, FetchError> {
        let target = self.target(address)?;
        let limit = self.rules.timeout;
        let late = |_| FetchError::Late(limit.as_millis());
        tokio::time::timeout(limit, self.get(&target)).await.map_err(late)?
    }

    fn target(&self, address: &str) -> Result<Target, FetchError> {
        let refuse = FetchError::NotAllowed;
        let uri: Uri = address.trim().parse().map_err(|_| refuse("it cannot be read"))?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refuse("only http and https are fetched")),
        };
        let authority = uri.authority().ok_or(refuse("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("it holds a user's name"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        if !self.rules.allowed.iter().any(|pattern| pattern.allows(&host, port)) {
            return Err(refuse("its host and port are not on the list of --fetch-allow"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Target { host, port, encrypted, authority: authority.to_string(), path: path.to_owned() })
    }

    async fn get(&self, target: &Target) -> Result<Fetched, FetchError> {
        let stopping = |_| FetchError::Failed("the server is stopping");
        let place = Arc::clone(&self.room).acquire_owned().await.map_err(stopping)?;
        Ok(Fetched { bytes: self.bytes(target).await?, _place: place })
    }

    async fn bytes(&self, target: &Target) -> Result<Bytes, FetchError> {
        let stream = self.connect(target).await?;
        if !target.encrypted {
            return self.ask(stream, target).await;
        }
        let failed = FetchError::Failed("TLS with its host failed");
        let (Some(tls), Ok(name)) = (&self.tls, ServerName::try_from(target.host.clone())) else {
            return Err(failed);
        };
        self.ask(tls.connect(name, stream).await.map_err(|_| failed)?, target).await
    }

    /// Connects to an address that was looked at: asking the name again could lead elsewhere.
    async fn connect(&self, target: &Target) -> Result<TcpStream, FetchError> {
        let unknown = |_| FetchError::Failed("its host's name leads nowhere");
        let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await.map_err(unknown)?;
        let found: Vec<SocketAddr> = found.collect();
        if !self.rules.private && !found.iter().all(|one| addresses::is_public(one.ip())) {
            return Err(FetchError::Private);
        }
        for address in found {
            if let Ok(stream) = TcpStream::connect(address).await {
                return Ok(stream);
            }
        }
        Err(FetchError::Failed("its host does not answer"))
    }

    async fn ask<S>(&self, stream: S, target: &Target) -> Result<Bytes, FetchError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |_| FetchError::Failed("the connection to its host broke");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Dropping the guard, with the answer read or the caller gone, ends the connection.
        let _connection = Guard(tokio::spawn(async move { _ = connection.await }));
        let request = Request::get(&target.path)
            .header(HOST, &target.authority)
            .header(ACCEPT, "image/*")
            .header(USER_AGENT, concat!("simclr-serve/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|_| FetchError::NotAllowed("it cannot be read"))?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let limit = self.rules.bytes_max;
        match Limited::new(answer.into_body(), limit).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooManyBytes(limit)),
            Err(_) => Err(FetchError::Failed("the connection to its host broke")),
        }
    }
}

fn connector() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().ok().filter(|_| !roots.is_empty())?;
    Some(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

/// A task that ends with its handle.
struct Guard(tokio::task::JoinHandle<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A host that answers everybody.
    async fn host() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
            }
        });
        port
    }

    #[tokio::test]
    async fn bytes_that_are_held_keep_others_from_being_fetched() {
        let place = format!("127.0.0.1:{}", host().await);
        let allowed = vec![Pattern::parse(&place).unwrap()];
        let timeout = Duration::from_secs(1);
        let fetcher = Fetcher::new(FetchRules { allowed, private: true, at_once: 1, timeout, bytes_max: 10 });
        let address = format!("http://{place}/");
        let held = fetcher.fetch(&address).await.unwrap();
        assert_eq!(fetcher.fetch(&address).await.err(), Some(FetchError::Late(1000)));
        drop(held);
        assert_eq!(fetcher.fetch(&address).await.unwrap().bytes, "hi");
    }
}
