//! A network with given weights as an [`Encoder`], so that what embeds for serving can embed by libtorch.

use simclr_models::{Description, Embedding, EncodeError, Encoder, ImageBatch, Weights};
use tch::{Device, Tensor};

use crate::TrainError;
use crate::network::{Mode, Network, to_i64, to_numbers};

/// An encoder on libtorch, f32, its batch-norms as when serving.
#[derive(Debug)]
pub(crate) struct TorchEncoder {
    network: Network,
    device: Device,
    embedding_len: usize,
}

impl TorchEncoder {
    /// Copies `weights` to the device.
    ///
    /// # Errors
    /// When the device has no room, or the weights are another network's.
    pub(crate) fn new(
        description: Description,
        weights: &Weights,
        device: Device,
    ) -> Result<Self, TrainError> {
        let embedding_len = description.output_len();
        Ok(Self { network: Network::new(description, weights, device)?, device, embedding_len })
    }

    fn numbers(&self, images: &ImageBatch) -> Result<Vec<f32>, TrainError> {
        let _no_grad = tch::no_grad_guard();
        let (rows, side) = (to_i64(images.len()), to_i64(images.side()));
        let input = Tensor::f_from_slice(images.as_slice())?.f_view([rows, 3, side, side])?;
        let input =
            simclr_torchx::channels_last(&input.f_to_device(self.device)?).map_err(TrainError::Torch)?;
        to_numbers(&self.network.forward(&input, Mode::Serve)?)
    }
}

impl Encoder for TorchEncoder {
    fn embedding_len(&self) -> usize {
        self.embedding_len
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        let numbers = self.numbers(images).map_err(|error| EncodeError::Runtime(error.to_string()))?;
        simclr_models::finite(numbers.chunks_exact(self.embedding_len))
    }
}
