//! Why a request's pictures were not embedded, and which of them is to blame.

use simclr_models::PictureError;

use crate::batching::BatchError;
use crate::fetching::FetchError;

/// Why a text names no picture; no message repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Send base64, or a data URI of it.
    #[error("neither a data URI nor base64 ({0}); this model embeds pictures, not text")]
    Base64(String),
    /// Send the data URI as base64.
    #[error("a data URI must read data:image/…;base64,…")]
    DataUri,
}

/// Why a request's pictures were not embedded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbedError {
    /// Send another picture in its place.
    #[error("{reason}")]
    Picture {
        /// Which of the request's pictures.
        index: usize,
        /// What is wrong with it.
        reason: PictureError,
    },
    /// Send the picture itself.
    #[error("{reason}")]
    Unfetched {
        /// Which of the request's pictures.
        index: usize,
        /// What came of its address.
        reason: FetchError,
    },
    /// Send another picture in its place; the decoder itself stumbled over this one.
    #[error("the decoder gave up on this picture")]
    Undecodable {
        /// Which of the request's pictures.
        index: usize,
    },
    /// Send the picture as a data URI, as base64 or by its address.
    #[error("{reason}")]
    Unreadable {
        /// Which of the request's pictures.
        index: usize,
        /// What is wrong with its text.
        reason: Unreadable,
    },
    /// The queue or the encoder.
    #[error("{reason}")]
    Batch {
        /// Which of the request's pictures; nothing when it concerns them all.
        index: Option<usize>,
        /// What happened.
        reason: BatchError,
    },
}

impl EmbedError {
    /// The picture whose own fault it is.
    pub(crate) fn culprit(&self) -> Option<usize> {
        match self {
            Self::Picture { index, .. }
            | Self::Unfetched { index, .. }
            | Self::Undecodable { index }
            | Self::Unreadable { index, .. } => Some(*index),
            Self::Batch { index, reason: BatchError::NotFinite } => *index,
            Self::Batch { .. } => None,
        }
    }
}
