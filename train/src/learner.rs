//! Encoder, head, objective and optimiser on one device: the body of Algorithm 1's loop.

use simclr_models::{Param, Weights};
use tch::{Device, Tensor};

use crate::checkpoint::{Checkpoint, descriptions};
use crate::gradients::{Step, cached, whole};
use crate::network::{Averages, Mode, Network};
use crate::objective::{Input, Objective};
use crate::optimiser::{Optimiser, Slots};
use crate::recipe::Precision;
use crate::{TrainError, TrainRecipe};

/// Encoder, head, objective and optimiser in one place.
#[derive(Debug)]
pub struct Learner {
    encoder: Network,
    head: Network,
    objective: Objective,
    optimiser: Optimiser,
    precision: Precision,
    micro_batch: Option<i64>,
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
        let width = head.output_len();
        let encoder = Network::new(encoder, &checkpoint.encoder, device)?;
        let head = Network::new(head, &checkpoint.head, device)?;
        let mut objective = Objective::new(recipe.objective);
        objective.restore(&checkpoint.memory, width, device)?;
        let mut optimiser = Optimiser::new(recipe.optimiser, &learned(&encoder, &head));
        optimiser.restore(&checkpoint.slots, checkpoint.step)?;
        let micro_batch = recipe.micro_batch.map(crate::network::to_i64);
        Ok(Self { encoder, head, objective, optimiser, precision: recipe.precision, micro_batch, device })
    }

    /// One step on `input` at learning rate `rate`; the loss, unread.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn step(&mut self, input: &Input, rate: f64) -> Result<Tensor, TrainError> {
        let learned = learned(&self.encoder, &self.head);
        let forward = |views: &Tensor, averages| self.forward(views, averages);
        let Step { loss, outputs, gradients } = match self.micro_batch {
            Some(micro) if micro < input.pictures() => {
                cached(&forward, &learned, &self.objective, input, micro)
            }
            _ => whole(&forward, &learned, &self.objective, input),
        }?;
        self.optimiser.step(&learned, &gradients, rate)?;
        self.objective.remember(&outputs)?;
        Ok(loss)
    }

    /// N×3×side×side views through encoder and head, in training.
    fn forward(&self, views: &Tensor, averages: Averages) -> Result<Tensor, TrainError> {
        let views = simclr_torchx::channels_last(views).map_err(TrainError::Torch)?;
        let run = |mode| {
            let embeddings = self.encoder.forward(&views, mode)?;
            self.head.forward(&embeddings, Mode::Train(averages))
        };
        match self.precision {
            Precision::F32 => run(Mode::TrainFused(averages)),
            Precision::Bf16 => simclr_torchx::autocast_bf16(self.device, || run(Mode::Train(averages))),
        }
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

    /// What the objective remembers.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn memory(&self) -> Result<Vec<f32>, TrainError> {
        self.objective.memory()
    }
}

fn learned<'a>(encoder: &'a Network, head: &'a Network) -> Vec<(&'a Param, &'a Tensor)> {
    encoder.learned().into_iter().chain(head.learned()).collect()
}
