//! A server with its socket: from the first connection to the last answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::app::{App, StartError};
use crate::config::Config;
use crate::http::router;
use crate::listening;

/// How long a stop waits for the disk, once it has waited for all else.
const SYNC_MAX: Duration = Duration::from_secs(10);
/// What a stop keeps of its deadline for refusing what is not answered, or half of it where that is less.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A server that answers.
pub struct Running {
    /// Where it listens, with the port it got when asked for port 0.
    pub address: SocketAddr,
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// How a stop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every request in flight was answered, if only by a refusal.
    Drained,
    /// Connections were cut whose clients did not take their answers within the deadline.
    DeadlinePassed,
}

/// Opens everything a [`Config`] names and listens; ready when it returns.
///
/// # Errors
/// When something does not open or fit, or the address is taken.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let opened = tokio::task::spawn_blocking(|| App::open(config)).await;
    serve(opened.map_err(|error| StartError::Died(std::io::Error::other(error)))??).await
}

/// Listens for an [`App`] that is open already.
///
/// # Errors
/// When the address is taken.
pub async fn serve(app: Arc<App>) -> Result<Running, StartError> {
    let address = app.config.listen;
    let failed = |reason| StartError::Listen { address, reason };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (stop, stopped) = oneshot::channel();
    let (limits, tls) = (app.config.limits, app.tls.clone());
    let server = tokio::spawn(listening::serve(listener, router(Arc::clone(&app)), limits, tls, stopped));
    Ok(Running { address, app, stop, server })
}

impl Running {
    /// Stops accepting, answers or refuses the requests in flight within the drain deadline, ends the sessions.
    pub async fn stop(self) -> Stopped {
        let Self { app, stop, mut server, .. } = self;
        app.stop_being_ready();
        // Whoever asks for readiness sees it, and whoever was sent here meanwhile is answered.
        tokio::time::sleep(app.config.drain_grace).await;
        app.arrangements.stop();
        // Streams of events end with it.
        let evaluations = Arc::clone(&app.evaluations);
        let evaluations = tokio::task::spawn_blocking(move || evaluations.stop());
        // The server may be gone already, which is what we want of it.
        let _ = stop.send(());
        let drain = app.config.drain_deadline;
        let deadline = Instant::now() + drain;
        let is_drained = timeout_at(deadline - LAST_WORDS.min(drain / 2), &mut server).await.is_ok() || {
            tracing::warn!("the drain deadline is near: requests that are not answered are refused");
            app.refuse_the_rest();
            timeout_at(deadline, &mut server).await.is_ok()
        };
        // Cuts the connections where any are left.
        server.abort();
        app.models.close();
        let synced = tokio::task::spawn_blocking({
            let app = Arc::clone(&app);
            move || app.sync_collections()
        });
        let sessions = tokio::task::spawn_blocking(move || app.models.join());
        let both = async { (sessions.await, evaluations.await) };
        if timeout_at(deadline, both).await.is_err() {
            tracing::warn!("the drain deadline passed with work that nobody waits for");
        }
        // Whatever the deadline: what was acknowledged is not to be lost for want of a moment.
        if timeout(SYNC_MAX, synced).await.is_err() {
            tracing::error!("the disk takes too long: what was acknowledged last may not be on it");
        }
        if is_drained { Stopped::Drained } else { Stopped::DeadlinePassed }
    }
}
