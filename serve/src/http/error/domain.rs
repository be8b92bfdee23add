//! Which refusal each domain error is: its status and its code.

use axum::http::StatusCode;
use simclr_models::PictureError;
use simclr_search::SearchError;

use super::ApiError;
use crate::app::StoreError;
use crate::batching::BatchError;
use crate::embedder::{EmbedError, Unreadable};
use crate::fetching::FetchError;

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

impl From<&Unreadable> for ApiError {
    fn from(error: &Unreadable) -> Self {
        match error {
            Unreadable::Base64(_) => Self::bad("invalid_base64", error.to_string()),
            Unreadable::DataUri => Self::bad("invalid_data_uri", error.to_string()),
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
            EmbedError::Unreadable { index, reason } => Self::from(reason).at(place(*index)),
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
            SearchError::NotIn16Bits { .. } => Self::bad("not_in_16_bits", message),
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
            SearchError::NoMoment { .. } => {
                Self::new(StatusCode::NOT_IMPLEMENTED, "snapshot_unsupported", message)
            }
            SearchError::Remote { .. } => {
                let error =
                    Self::unavailable("store_unavailable", "the store of the collections does not answer");
                Self { cause: Some(message), ..error }
            }
            SearchError::DamagedPicture { .. } => Self::unavailable("picture_damaged", message),
            SearchError::Damaged { .. } | SearchError::UnknownFormat { .. } => {
                let error = Self::unavailable("collection_unusable", message.clone());
                Self { cause: Some(message), retry_after: None, ..error }
            }
            _ => Self::ours(message),
        }
    }
}
