//! The one door from domain errors to status codes.
//!
//! Every refusal is `{"error":{"message","type","param","code"}}`: a sentence for people, a stable code for programs,
//! and in `param` where in the request it is. What only we should know goes to the log, and no message repeats a payload.

mod domain;

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// A refusal on its way to the client.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    param: Option<String>,
    retry_after: Option<Duration>,
    /// For the log alone.
    cause: Option<String>,
    /// Whether a part of the body is still unread, so that the connection cannot be used again.
    closes: bool,
}

/// The refusal's code, left on the response for the log and the counters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorCode(pub(crate) &'static str);

/// The refusal's sentence, left on the response for a protocol that shapes refusals otherwise.
#[derive(Debug, Clone)]
pub(crate) struct ErrorMessage(pub(crate) String);

/// A refusal.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(crate) struct Body {
    error: Inner,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RefusalReason)]
pub(crate) struct Inner {
    message: String,
    r#type: &'static str,
    param: Option<String>,
    code: &'static str,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            param: None,
            retry_after: None,
            cause: None,
            closes: false,
        }
    }

    /// The request is wrong: 400.
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The thing named is not there: 404.
    pub(crate) fn missing(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// A limit on size is passed: 413.
    pub(crate) fn too_large(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, message)
    }

    /// A limit on how much at once is reached: 429, come back later.
    pub(crate) fn busy(code: &'static str, message: impl Into<String>, retry_after: Duration) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, code, message);
        Self { retry_after: Some(retry_after), ..error }
    }

    /// Not now: 503, come back later.
    pub(crate) fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        Self { retry_after: Some(Duration::from_secs(1)), ..error }
    }

    /// Our fault: 500; the cause is for the log alone.
    pub(crate) fn ours(cause: impl ToString) -> Self {
        let message = "the server failed; its log has the reason under this answer's x-request-id";
        let error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message);
        Self { cause: Some(cause.to_string()), ..error }
    }

    /// The word for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// Says where in the request it is.
    #[must_use]
    pub(crate) fn at(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    /// Says in which of several parts of the request it is, before where in that.
    #[must_use]
    pub(crate) fn within(self, place: &str) -> Self {
        let param = self.param.as_ref().map_or_else(|| place.to_owned(), |param| format!("{place}.{param}"));
        self.at(param)
    }

    /// Says that the connection ends with this answer, unless the whole body was read.
    #[must_use]
    pub(crate) fn closing_unless(self, read: bool) -> Self {
        Self { closes: !read, ..self }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(code = self.code, cause, "a request failed");
        }
        let r#type = match self.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "overloaded_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        };
        let sentence = ErrorMessage(self.message.clone());
        let inner = Inner { message: self.message, r#type, param: self.param, code: self.code };
        let mut response = (self.status, Json(Body { error: inner })).into_response();
        if let Some(time) = self.retry_after {
            // Rounded up: whoever comes back at the second named should find room.
            let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.closes {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(ErrorCode(self.code));
        response.extensions_mut().insert(sentence);
        response
    }
}
