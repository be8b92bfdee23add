//! TLS by rustls: a certificate and a key from two PEM files, read at start and again whenever one of them changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};

/// How long a look at the files' times of change holds.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why there is no TLS; shown to the person who starts the server.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Give a PEM file that can be read.
    #[error("{path}: {reason}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Give a certificate and the key that belongs to it.
    #[error("the certificate {certificate} with its key: {reason}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// rustls's own words.
        reason: rustls::Error,
    },
}

/// A certificate with its key, as fresh as their files.
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    state: Mutex<State>,
}

struct State {
    config: Arc<ServerConfig>,
    stamp: Stamp,
    looked: Instant,
}

/// Changes when one of the files does.
type Stamp = [Option<SystemTime>; 2];

impl Tls {
    pub(crate) fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let state = State {
            stamp: [changed(certificate), changed(key)],
            config: load(certificate, key)?,
            looked: Instant::now(),
        };
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), state: Mutex::new(state) })
    }

    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(self.current()).accept(stream).await
    }

    /// Reads the files again where they changed; a pair that cannot be used leaves the old one in its place.
    fn current(&self) -> Arc<ServerConfig> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            let now = [changed(&self.certificate), changed(&self.key)];
            if now != state.stamp {
                match load(&self.certificate, &self.key) {
                    Ok(config) => {
                        tracing::info!("the certificate was read again");
                        (state.config, state.stamp) = (config, now);
                    }
                    Err(error) => tracing::error!(%error, "the certificate stays as it was"),
                }
            }
        }
        Arc::clone(&state.config)
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let pem = |path: &Path, reason: &dyn ToString| TlsError::Pem {
        path: path.to_owned(),
        reason: reason.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|reason| pem(certificate, &reason))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|reason| pem(key, &reason))?;
    let pair = |reason| TlsError::Pair { certificate: certificate.to_owned(), reason };
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
