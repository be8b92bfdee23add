//! Where a request's time went, from the handler that knows to the `Server-Timing` header that tells.
//!
//! The pictures are embedded deep inside a handler and the header is set around all of them; a task-local slot spans the
//! two, so that no handler passes it through.

use std::cell::Cell;
use std::time::Duration;

use axum::http::HeaderValue;

use crate::embedder::Timing;

tokio::task_local! {
    static TIMING: Cell<Option<Timing>>;
}

/// Runs a request's handler with an empty slot; what it told comes out beside its answer.
pub(super) async fn listen<T>(handler: impl Future<Output = T>) -> (T, Option<Timing>) {
    TIMING
        .scope(Cell::new(None), async {
            let answer = handler.await;
            (answer, TIMING.with(Cell::take))
        })
        .await
}

/// Tells; outside a request nobody hears.
pub(super) fn tell(timing: Timing) {
    let _ = TIMING.try_with(|slot| slot.set(Some(timing)));
}

/// `decode;dur=1.2, queue;dur=0.3, inference;dur=4.5, total;dur=6.1`, in milliseconds.
pub(super) fn header(timing: Option<Timing>, total: Duration) -> Option<HeaderValue> {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let parts = timing.map(|t| {
        let (prepare, queue, inference) = (ms(t.prepare), ms(t.queue), ms(t.inference));
        format!("decode;dur={prepare:.3}, queue;dur={queue:.3}, inference;dur={inference:.3}, ")
    });
    let text = format!("{}total;dur={:.3}", parts.unwrap_or_default(), ms(total));
    HeaderValue::try_from(text).ok()
}
