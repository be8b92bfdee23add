//! Numbers on their way from the processor to the training device.

use tch::{Device, Tensor};

use crate::TrainError;

/// The CPU tensor on `device`, without waiting for what a GPU has still to do.
///
/// # Errors
/// libtorch's words when memory is short.
pub(crate) fn upload(tensor: &Tensor, device: Device) -> Result<Tensor, TrainError> {
    simclr_torchx::upload(tensor, device).map_err(TrainError::Torch)
}
