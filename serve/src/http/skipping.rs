//! `on_error`: whether one picture that cannot be used fails its request or is left out, and how an answer says so.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ApiError;
use crate::embedder::{EmbedError, Embedded, OnError};

/// What a picture that cannot be used does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Choice {
    /// It fails the request.
    #[default]
    Fail,
    /// It is left out of the answer.
    Skip,
}

/// The part of an answer that says what was left out; there only where skipping was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Skipped {
    /// Which of the request's pictures were kept, in the order of the answer
    kept_indices: Vec<usize>,
    /// Why the others were not
    skipped: Vec<Reason>,
}

/// One picture that was left out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reason {
    index: usize,
    code: &'static str,
    message: String,
}

impl From<Choice> for OnError {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Fail => Self::Fail,
            Choice::Skip => Self::Skip,
        }
    }
}

impl Choice {
    /// What the answer says of it.
    pub(super) fn tell(self, embedded: &Embedded) -> Option<Skipped> {
        let reason = |error: &EmbedError| {
            let refusal = ApiError::from_embed(error, |index| index.to_string());
            Some(Reason { index: error.culprit()?, code: refusal.code(), message: error.to_string() })
        };
        (self == Self::Skip).then(|| Skipped {
            kept_indices: embedded.kept.clone(),
            skipped: embedded.skipped.iter().filter_map(reason).collect(),
        })
    }
}
