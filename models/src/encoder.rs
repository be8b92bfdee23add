//! The seam between whoever has pictures and whatever turns them into embeddings.

use crate::{ArtefactError, Embedding, ImageBatch};

/// Turns prepared pictures into embeddings, one a picture, in order.
///
/// `&mut self` and no `Sync` on purpose: a runtime session is used by one thread at a time, so the thread owns it and no
/// lock is needed.
pub trait Encoder: Send {
    /// Length of every embedding.
    fn embedding_len(&self) -> usize;

    /// Embeds a batch.
    ///
    /// # Errors
    /// When the batch has another side than the encoder was made for, or the runtime fails, or an embedding overflows: the
    /// others come with that error.
    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError>;
}

/// Why a batch was not embedded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Prepare the pictures with the artefact's own recipe.
    #[error("the batch has pictures of {found}×{found}, the encoder takes {expected}×{expected}")]
    Side {
        /// The batch's side.
        found: usize,
        /// The encoder's side.
        expected: usize,
    },
    /// The artefact or a picture is unusual: its embedding overflowed.
    #[error("the embedding of picture {} of the batch holds NaN or infinity", .0.first())]
    NotFinite(Overflowed),
    /// Its file is no longer the one that was opened: see the artefact.
    #[error(transparent)]
    Artefact(Box<ArtefactError>),
    /// Bring the library with the command named.
    #[error("{0}")]
    Library(String),
    /// The runtime's own words.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),
}

impl From<ArtefactError> for EncodeError {
    fn from(error: ArtefactError) -> Self {
        Self::Artefact(Box::new(error))
    }
}

/// A batch's embeddings, some of which overflowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Overflowed(Vec<Option<Embedding>>);

impl Overflowed {
    /// The place in the batch of the first that overflowed.
    pub fn first(&self) -> usize {
        self.0.iter().position(Option::is_none).unwrap_or(0)
    }

    /// Every picture's embedding, in order; nothing where it overflowed.
    pub fn into_embeddings(self) -> Vec<Option<Embedding>> {
        self.0
    }
}

/// Takes the rows of a batch for embeddings, if all their numbers are finite.
///
/// # Errors
/// When some are not; the others come with it.
pub fn finite<Row: Into<Vec<f32>>>(
    rows: impl IntoIterator<Item = Row>,
) -> Result<Vec<Embedding>, EncodeError> {
    let rows: Vec<_> = rows.into_iter().map(|row| Embedding::new(row.into()).ok()).collect();
    if rows.iter().any(Option::is_none) {
        return Err(EncodeError::NotFinite(Overflowed(rows)));
    }
    Ok(rows.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overflows_takes_no_other_row_along() {
        assert_eq!(finite([[1.0], [2.0]]).unwrap().len(), 2);
        let error = finite([[1.0], [f32::NAN], [2.0], [f32::INFINITY]]).unwrap_err();
        assert_eq!(error.to_string(), "the embedding of picture 1 of the batch holds NaN or infinity");
        let EncodeError::NotFinite(overflowed) = error else { panic!("{error}") };
        let kept: Vec<_> =
            overflowed.into_embeddings().into_iter().map(|row| row.map(Embedding::into_vec)).collect();
        assert_eq!(kept, [Some(vec![1.0]), None, Some(vec![2.0]), None]);
    }
}
