//! From a socket to the routes: connections are accepted up to a limit, their headers must arrive in time, and a stop lets
//! those in flight finish.
//!
//! Knows neither routes nor models.

mod tls;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use crate::config::Limits;
pub(crate) use tls::Tls;
pub use tls::TlsError;

/// A breath after an accept that failed, as it does when the process has no file descriptor left.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Serves until `stop` is told or dropped, and then until the last request in flight is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    stop: oneshot::Receiver<()>,
) {
    let graceful = GracefulShutdown::new();
    let accepting = async {
        let room = Arc::new(Semaphore::new(limits.connections_max));
        // Whoever finds no room waits in the system's backlog, which is limited too.
        while let Ok(place) = Arc::clone(&room).acquire_owned().await {
            let stream = accept(&listener).await;
            let (router, watcher, tls) = (router.clone(), graceful.watcher(), tls.clone());
            tokio::spawn(async move {
                connection(stream, router, limits, tls, watcher).await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stop => {}
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    watcher: Watcher,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let patience = Duration::from_millis(limits.header_timeout_ms);
    let Some(tls) = tls else {
        return requests(stream, router, patience, watcher).await;
    };
    match tokio::time::timeout(patience, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, router, patience, watcher).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Every request of one connection.
async fn requests<S>(stream: S, router: Router, patience: Duration, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection broke");
    }
}
