//! An [`Encoder`] that runs an artefact's ONNX file with ONNX Runtime, on the CPU unless told otherwise.

use ort::session::Session;
use ort::value::TensorRef;

use crate::encoder::{EncodeError, Encoder, finite};
use crate::onnx_runtime;
use crate::{Artefact, Embedding, ImageBatch, Provider};

/// One session of ONNX Runtime.
pub struct OnnxEncoder {
    session: Session,
    side: usize,
    embedding_len: usize,
}

impl OnnxEncoder {
    /// Loads the artefact's encoder, to compute on the CPU with this many threads (at least one).
    ///
    /// # Errors
    /// When ONNX Runtime is not there, or refuses the file; when the file is no longer the artefact's.
    pub fn open(artefact: &Artefact, threads: usize) -> Result<Self, EncodeError> {
        Self::open_on(artefact, threads, Provider::Cpu)
    }

    /// Loads the artefact's encoder, to compute on a provider; `threads` counts where that is the CPU.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when the provider is not there.
    pub fn open_on(artefact: &Artefact, threads: usize, provider: Provider) -> Result<Self, EncodeError> {
        // From bytes that were checked: the file may have changed since the artefact was opened, and with it the space.
        let session = onnx_runtime::session_on(&artefact.encoder_bytes()?, threads, provider)?;
        Ok(Self { session, side: artefact.recipe().side as usize, embedding_len: artefact.embedding_len() })
    }

    fn run(&mut self, images: &ImageBatch) -> ort::Result<Vec<f32>> {
        let shape = [images.len(), 3, self.side, self.side];
        let input = TensorRef::from_array_view((shape, images.as_slice()))?;
        let outputs = self.session.run(ort::inputs![input])?;
        let (_, numbers) = outputs[0].try_extract_tensor::<f32>()?;
        Ok(numbers.to_vec())
    }
}

impl Encoder for OnnxEncoder {
    fn embedding_len(&self) -> usize {
        self.embedding_len
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        if images.is_empty() {
            return Ok(vec![]);
        }
        if images.side() != self.side {
            return Err(EncodeError::Side { found: images.side(), expected: self.side });
        }
        let numbers = self.run(images).map_err(|e| EncodeError::Runtime(e.to_string()))?;
        if numbers.len() != images.len() * self.embedding_len {
            let (found, pictures) = (numbers.len(), images.len());
            let len = self.embedding_len;
            return Err(EncodeError::Runtime(format!(
                "gave {found} numbers for {pictures} embeddings of length {len}"
            )));
        }
        finite(numbers.chunks_exact(self.embedding_len))
    }
}
