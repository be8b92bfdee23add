//! The baseline without a network.

use simclr_models::{Embedding, EncodeError, Encoder, ImageBatch};

/// The prepared picture as its own embedding: what an encoder has to beat.
pub(super) struct Pixels {
    side: usize,
}

impl Pixels {
    pub(super) fn new(side: usize) -> Self {
        Self { side }
    }
}

impl Encoder for Pixels {
    fn embedding_len(&self) -> usize {
        3 * self.side * self.side
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        if images.side() != self.side {
            return Err(EncodeError::Side { found: images.side(), expected: self.side });
        }
        simclr_models::finite(images.as_slice().chunks_exact(self.embedding_len()))
    }
}
