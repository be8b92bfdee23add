//! Room for bodies: taken as they arrive and given back with the request, so that whoever announces much and sends little
//! keeps nobody out. Nobody waits for room: a body that finds none is refused.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Semaphore;

use crate::app::kibibytes;

/// What one request's body holds of the room for all.
pub(super) struct Room {
    all: Arc<Semaphore>,
    held: AtomicUsize,
}

impl Room {
    pub(super) fn new(all: &Arc<Semaphore>) -> Arc<Self> {
        Arc::new(Self { all: Arc::clone(all), held: AtomicUsize::new(0) })
    }

    /// Whether a body of so many bytes would find room now.
    pub(super) fn is_there(&self, bytes: u64) -> bool {
        bytes == 0
            || usize::try_from(bytes).is_ok_and(|bytes| kibibytes(bytes) <= self.all.available_permits())
    }

    /// Takes what a body of so many bytes needs beyond what it has; false where there is not so much.
    fn grow(&self, bytes: usize) -> bool {
        let missing = kibibytes(bytes).saturating_sub(self.held.load(Ordering::Relaxed));
        let taken = u32::try_from(missing).map(|missing| self.all.try_acquire_many(missing));
        let Ok(Ok(taken)) = taken else { return false };
        taken.forget();
        self.held.fetch_add(missing, Ordering::Relaxed);
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.all.add_permits(*self.held.get_mut());
    }
}

/// There was no room for a part of the body.
#[derive(Debug, thiserror::Error)]
#[error("no room for the body")]
pub(super) struct NoRoom;

/// A body that takes room for what arrives of it.
pub(super) struct Counted {
    body: Body,
    room: Arc<Room>,
    most: usize,
    arrived: usize,
    /// What comes after a refusal is thrown away and needs no room.
    is_refused: bool,
}

impl Counted {
    /// Beyond `most` bytes it takes no more, since nobody keeps them.
    pub(super) fn new(body: Body, room: &Arc<Room>, most: usize) -> Self {
        Self { body, room: Arc::clone(room), most, arrived: 0, is_refused: false }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|frame| frame.map_err(Into::into));
        if let (Some(Ok(frame)), false) = (&frame, self.is_refused) {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.arrived = self.arrived.saturating_add(bytes).min(self.most);
            if bytes > 0 && !self.room.grow(self.arrived) {
                self.is_refused = true;
                return Poll::Ready(Some(Err(NoRoom.into())));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
