//! An [`Encoder`] that runs an artefact's ONNX file on the CPU with ONNX Runtime.

use std::path::Path;

use ort::environment::Environment;
use ort::session::{Session, builder::GraphOptimizationLevel};
use ort::value::TensorRef;

use crate::encoder::{EncodeError, Encoder};
use crate::onnx_runtime;
use crate::{Artefact, Embedding, ImageBatch};

/// One session of ONNX Runtime.
pub struct OnnxEncoder {
    session: Session,
    side: usize,
    embedding_len: usize,
}

impl OnnxEncoder {
    /// Loads the artefact's encoder, to compute with this many threads (at least one).
    ///
    /// # Errors
    /// When ONNX Runtime is not there, or refuses the file.
    pub fn open(artefact: &Artefact, threads: usize) -> Result<Self, EncodeError> {
        let environment = onnx_runtime::environment()?;
        let session = start_session(environment, &artefact.encoder_path(), threads.max(1))
            .map_err(|e| EncodeError::Runtime(e.to_string()))?;
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
        let rows = numbers.chunks_exact(self.embedding_len).enumerate();
        rows.map(|(i, row)| Embedding::new(row.to_vec()).map_err(|_| EncodeError::NotFinite(i))).collect()
    }
}

/// Spinning is off: threads that wait by burning a core starve the server's others. The arena stays on, as is the default.
///
/// A function of its own because the builder's errors cannot be sent between threads, but `ort::Error` can.
fn start_session(environment: &Environment, path: &Path, threads: usize) -> ort::Result<Session> {
    Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads)?
        .with_intra_op_spinning(false)?
        .commit_from_file(path)
}
