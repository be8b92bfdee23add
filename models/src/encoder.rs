//! The seam between whoever has pictures and whatever turns them into embeddings.

use crate::{Embedding, ImageBatch};

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
    /// When the batch has another side than the encoder was made for, or the runtime fails.
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
    /// The artefact or the picture is unusual: its embedding overflowed.
    #[error("the embedding of picture {0} of the batch holds NaN or infinity")]
    NotFinite(usize),
    /// Bring the library with the command named.
    #[error("{0}")]
    Library(String),
    /// The runtime's own words.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),
}
