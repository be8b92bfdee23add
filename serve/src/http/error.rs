//! The one door from domain errors to status codes.
//!
//! Every refusal is `{"error":{"message","type","param","code"}}`: a sentence for people, a stable code for programs,
//! and in `param` where in the request it is. What only we should know goes to the log, and no message repeats a payload.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use simclr_models::PictureError;
use simclr_search::SearchError;
use utoipa::ToSchema;

use crate::app::StoreError;
use crate::batching::BatchError;
use crate::embedder::EmbedError;
use crate::fetching::FetchError;

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

impl From<&PictureError> for ApiError {
    fn from(error: &PictureError) -> Self {
        let unusable = |code| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, error.to_string());
        match error {
            PictureError::Empty => Self::bad("picture_empty", error.to_string()),
            PictureError::TooManyBytes { .. } => Self::too_large("picture_too_many_bytes", error.to_string()),
            PictureError::UnknownFormat => unusable("picture_unknown_format"),
            PictureError::TooManyPixels { .. } => unusable("picture_too_many_pixels"),
            PictureError::Broken { .. } => unusable("picture_broken"),
            PictureError::WrongLength { .. } => Self::ours(error),
        }
    }
}

impl From<&FetchError> for ApiError {
    fn from(error: &FetchError) -> Self {
        let message = error.to_string();
        let failed = |code| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, error.to_string());
        match error {
            FetchError::Off | FetchError::NotAllowed(_) => Self::bad("url_not_fetched", message),
            FetchError::Private => Self::bad("url_private", message),
            FetchError::Failed(_) => failed("url_failed"),
            FetchError::Status(_) => failed("url_status"),
            FetchError::TooManyBytes(_) => Self::too_large("picture_too_many_bytes", message),
            FetchError::Late(_) => failed("url_late"),
        }
    }
}

impl From<&BatchError> for ApiError {
    fn from(error: &BatchError) -> Self {
        match error {
            BatchError::Full { retry_after, .. } => Self::busy("queue_full", error.to_string(), *retry_after),
            BatchError::Stopping => Self::unavailable("stopping", error.to_string()),
            BatchError::NotFinite => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "embedding_not_finite", error.to_string())
            }
            BatchError::Failed(reason) => Self::ours(reason),
        }
    }
}

impl ApiError {
    /// The refusal of a request's pictures, `place` saying where each is.
    pub(crate) fn from_embed(error: &EmbedError, place: impl Fn(usize) -> String) -> Self {
        match error {
            EmbedError::Picture { index, reason } => Self::from(reason).at(place(*index)),
            EmbedError::Unfetched { index, reason } => Self::from(reason).at(place(*index)),
            EmbedError::Undecodable { index } => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, "picture_broken", error.to_string()).at(place(*index))
            }
            EmbedError::Batch { index: Some(index), reason: reason @ BatchError::NotFinite } => {
                Self::from(reason).at(place(*index))
            }
            EmbedError::Batch { reason, .. } => Self::from(reason),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Search(error) => Self::from(error),
            StoreError::Died => Self::ours(error),
        }
    }
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        let message = error.to_string();
        let conflict = |code, message| Self::new(StatusCode::CONFLICT, code, message);
        match error {
            SearchError::CollectionNotFound { .. } => Self::missing("collection_not_found", message),
            SearchError::CollectionExists { .. } => conflict("collection_exists", message),
            SearchError::OtherSpace { .. } => conflict("space_key_mismatch", message),
            SearchError::TooManyCollections { .. } => conflict("too_many_collections", message),
            SearchError::CollectionFull { .. } => conflict("collection_full", message),
            SearchError::BadName { .. } => Self::bad("invalid_collection_name", message),
            SearchError::BadConfig { .. } => Self::bad("invalid_collection", message),
            SearchError::WrongDimension { .. } => Self::bad("wrong_dimension", message),
            SearchError::NotFinite { .. } => Self::bad("not_finite", message),
            SearchError::ZeroVector { .. } => Self::bad("zero_vector", message),
            SearchError::BadId { .. } => Self::bad("invalid_id", message),
            SearchError::BadLimit { .. } => Self::bad("invalid_limit", message).at("limit"),
            SearchError::BadOffset { .. } => Self::bad("invalid_offset", message).at("offset"),
            SearchError::BadEf { .. } => Self::bad("invalid_ef", message).at("ef"),
            SearchError::BadFilter { .. } => Self::bad("invalid_filter", message).at("filter"),
            SearchError::BadMinScore => Self::bad("invalid_min_score", message).at("min_score"),
            SearchError::PayloadTooLarge { .. } => Self::too_large("payload_too_large", message),
            SearchError::PayloadTooDeep { .. } => Self::bad("payload_too_deep", message),
            SearchError::TooManyInOneRequest { .. } => Self::too_large("too_many_records", message),
            SearchError::DiskFull { .. } => Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", message),
            SearchError::Remote { .. } => {
                let error =
                    Self::unavailable("store_unavailable", "the store of the collections does not answer");
                Self { cause: Some(message), ..error }
            }
            SearchError::Damaged { .. } | SearchError::UnknownFormat { .. } => {
                let error = Self::unavailable("collection_unusable", message.clone());
                Self { cause: Some(message), retry_after: None, ..error }
            }
            _ => Self::ours(message),
        }
    }
}
