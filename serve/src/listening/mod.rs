//! From a socket to the routes: connections are accepted up to a limit, their headers must arrive and their answers be read
//! in time, and a stop lets those in flight finish and no others.
//!
//! Knows neither routes nor models.

mod answer;
mod patient;
mod tls;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;

use crate::config::Limits;
use answer::{Answer, Work};
use patient::{Activity, Patient};
pub(crate) use tls::Tls;
pub use tls::TlsError;

/// A breath after an accept that failed, as it does when the process has no file descriptor left.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Serves until `stop` is told or dropped, and then until the last request in flight is answered; dropping it cuts them.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    stop: oneshot::Receiver<()>,
) {
    let (stopping, told) = watch::channel(false);
    let mut connections = JoinSet::new();
    let accepting = async {
        let room = Arc::new(Semaphore::new(limits.connections_max));
        // Whoever finds no room waits in the system's backlog, which is limited too.
        while let Ok(place) = Arc::clone(&room).acquire_owned().await {
            let stream = accept(&listener).await;
            // Those that have ended, so that the set does not grow.
            while connections.try_join_next().is_some() {}
            let (router, tls, told) = (router.clone(), tls.clone(), told.clone());
            connections.spawn(async move {
                connection(stream, router, limits, tls, told).await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stop => {}
    }
    drop(listener);
    // Nobody to be told is nobody to wait for.
    let _ = stopping.send(true);
    while connections.join_next().await.is_some() {}
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
    mut stop: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let activity = Arc::new(Activity::default());
    let stream = Patient::new(stream, Duration::from_millis(limits.write_timeout_ms), Arc::clone(&activity));
    let patience = Duration::from_millis(limits.header_timeout_ms);
    let Some(tls) = tls else {
        return requests(stream, router, patience, activity, stop).await;
    };
    let greeted = tokio::select! {
        greeted = tokio::time::timeout(patience, tls.accept(stream)) => greeted,
        () = told(&mut stop) => return,
    };
    match greeted {
        Ok(Ok(stream)) => requests(stream, router, patience, activity, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Every request of one connection; after a stop, the one that is being answered.
async fn requests<S>(
    stream: S,
    router: Router,
    patience: Duration,
    activity: Arc<Activity>,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let (work, answering) = (Work::begin(&activity), router.call(request));
        async move { answering.await.map(|answer| answer.map(|body| Answer { body, _work: work })) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        // First, so that a request that has arrived is read before the stop is obeyed.
        biased;
        ended = connection.as_mut() => ended,
        () = told(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            poll_fn(|cx| match connection.as_mut().poll(cx) {
                // A header that has not come whole would be waited for.
                Poll::Pending if activity.is_idle() => Poll::Ready(Ok(())),
                polled => polled,
            })
            .await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Waits for the word to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // Whoever would say it is gone only when the whole server is.
    let _ = stop.wait_for(|told| *told).await;
}
