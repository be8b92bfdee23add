//! A request's body as bytes, within the limits on size and time.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::error::ApiError;
use super::guard::bodies_full;
use super::room::NoRoom;
use crate::app::App;

/// Bytes of a refused body read and thrown away, and for how long: a client still sending would miss the answer.
const DISCARD_BYTES_MAX: u64 = 16 << 20;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);

/// Reads a whole body, or refuses it.
pub(crate) async fn read_body(app: &App, mut body: Body) -> Result<Bytes, ApiError> {
    let limits = app.config.limits;
    let reading = Limited::new(&mut body, limits.body_bytes_max).collect();
    match tokio::time::timeout(Duration::from_millis(limits.body_timeout_ms), reading).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if comes_of::<LengthLimitError>(error.as_ref()) => {
            Err(too_long(limits.body_bytes_max).closing_unless(discard(&mut body).await))
        }
        Ok(Err(error)) if comes_of::<NoRoom>(error.as_ref()) => {
            Err(bodies_full(limits.bodies_bytes_max).closing_unless(discard(&mut body).await))
        }
        Ok(Err(_)) => Err(ApiError::bad("body_incomplete", "the body ended before its announced length")
            .closing_unless(false)),
        Err(_) => {
            let message = format!("the body did not arrive within {} ms", limits.body_timeout_ms);
            let error = ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message);
            Err(error.closing_unless(false))
        }
    }
}

/// The refusal of a body over the limit.
pub(crate) fn too_long(limit: usize) -> ApiError {
    ApiError::too_large("body_too_large", format!("the body has more than the {limit} bytes allowed"))
}

/// Throws the rest of a refused body away; whether it was read to its end.
pub(crate) async fn discard(body: &mut Body) -> bool {
    let reading = async {
        let mut left = DISCARD_BYTES_MAX;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            let Some(rest) = left.checked_sub(bytes) else { return false };
            left = rest;
        }
        true
    };
    // Late or not, the answer is the same.
    tokio::time::timeout(DISCARD_TIME_MAX, reading).await.unwrap_or(false)
}

fn comes_of<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(<dyn Error>::is::<E>)
}
