//! Encoder, head and optimiser on one device: the body of Algorithm 1's loop.

use simclr_models::{Param, Weights};
use tch::{Device, Tensor};

use crate::checkpoint::{Checkpoint, descriptions};
use crate::contrastive_loss::nt_xent;
use crate::network::{Mode, Network};
use crate::optimiser::{Optimiser, Slots, gradients};
use crate::recipe::{Objective, Precision};
use crate::{TrainError, TrainRecipe};

/// Encoder, head and optimiser in one place.
#[derive(Debug)]
pub struct Learner {
    recipe: TrainRecipe,
    encoder: Network,
    head: Network,
    optimiser: Optimiser,
    device: Device,
}

impl Learner {
    /// Puts a checkpoint's numbers on the device.
    ///
    /// # Errors
    /// When the checkpoint is another recipe's or memory is short.
    pub fn new(checkpoint: &Checkpoint, device: Device) -> Result<Self, TrainError> {
        let recipe = TrainRecipe::parse(&checkpoint.recipe_text)?;
        let (encoder, head) = descriptions(&recipe)?;
        let encoder = Network::new(encoder, &checkpoint.encoder, device)?;
        let head = Network::new(head, &checkpoint.head, device)?;
        let mut optimiser = Optimiser::new(recipe.optimiser, &learned(&encoder, &head));
        optimiser.restore(&checkpoint.slots, checkpoint.step)?;
        Ok(Self { recipe, encoder, head, optimiser, device })
    }

    /// One step on 2B×3×side×side views (rows i and i + B of one picture) at learning rate `rate`; the loss, unread.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn step(&mut self, views: &Tensor, rate: f64) -> Result<Tensor, TrainError> {
        let views = simclr_torchx::channels_last(views).map_err(TrainError::Torch)?;
        let project = |mode| {
            let embeddings = self.encoder.forward(&views, mode)?;
            self.head.forward(&embeddings, Mode::Train)
        };
        let projections = match self.recipe.precision {
            Precision::F32 => project(Mode::TrainFused),
            Precision::Bf16 => simclr_torchx::autocast_bf16(self.device, || project(Mode::Train)),
        }?;
        let Objective::NtXent { temperature, .. } = self.recipe.objective else {
            return Err(TrainError::Recipe("objective: only nt-xent is available yet".into()));
        };
        let loss = nt_xent(&projections, temperature);
        let learned = learned(&self.encoder, &self.head);
        let gradients = gradients(&loss, &learned)?;
        self.optimiser.step(&learned, &gradients, rate)?;
        Ok(loss.detach())
    }

    /// The weights as they are now: encoder, head.
    ///
    /// # Errors
    /// When a number is not finite.
    pub fn weights(&self) -> Result<(Weights, Weights), TrainError> {
        Ok((self.encoder.weights()?, self.head.weights()?))
    }

    /// What the optimiser remembers.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn slots(&self) -> Result<Slots, TrainError> {
        self.optimiser.state()
    }
}

fn learned<'a>(encoder: &'a Network, head: &'a Network) -> Vec<(&'a Param, &'a Tensor)> {
    encoder.learned().into_iter().chain(head.learned()).collect()
}
