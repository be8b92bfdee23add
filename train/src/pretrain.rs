//! The pretraining loop: Algorithm 1 of the paper, with checkpoints.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use simclr_models::{Param, Weights};
use tch::{Device, Tensor};

use crate::checkpoint::{Checkpoint, descriptions};
use crate::contrastive_loss::nt_xent;
use crate::network::{Mode, Network};
use crate::optimiser::{Optimiser, gradients};
use crate::pictures::{Pictures, order};
use crate::progress::{Listener, Meter, Record};
use crate::recipe::Precision;
use crate::schedule::Rates;
use crate::views;
use crate::{TrainError, TrainRecipe};

/// Steps between two records and two looks at the loss's value, which make the device wait.
const STEPS_PER_RECORD: u64 = 10;

/// When a run stops before its last step, keeping a checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// Stop after about this long.
    pub time: Option<Duration>,
    /// Stop once so many steps of the whole run are done.
    pub steps: Option<u64>,
    /// Stop as soon as this turns true.
    pub stop: &'a AtomicBool,
    /// Time between checkpoints; one is also kept at the end.
    pub checkpoint_every: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every step is done.
    Finished,
    /// A limit was reached; resume from the checkpoint.
    Paused {
        /// Steps done.
        step: u64,
    },
}

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
        optimiser.restore(&checkpoint.velocities)?;
        Ok(Self {
            recipe,
            encoder,
            head,
            optimiser,
            device,
        })
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
        let loss = nt_xent(&projections, self.recipe.loss.temperature);
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

    fn checkpoint(&self, text: &str, step: u64, epochs: &EpochLoss) -> Result<Checkpoint, TrainError> {
        let (encoder, head) = self.weights()?;
        let velocities = self.optimiser.state()?;
        let (epochs_done, epoch_loss) = (epochs.done, epochs.last);
        Ok(Checkpoint {
            recipe_text: text.into(),
            step,
            epochs_done,
            epoch_loss,
            encoder,
            head,
            velocities,
        })
    }
}

fn learned<'a>(encoder: &'a Network, head: &'a Network) -> Vec<(&'a Param, &'a Tensor)> {
    encoder.learned().into_iter().chain(head.learned()).collect()
}

/// Continues `checkpoint` on `pictures` until its last step or a limit, keeping checkpoints and metrics in `run`.
///
/// An epoch's last pictures that do not fill a batch are left out, as in the published code.
///
/// # Errors
/// When the loss stops being a number, with the step and the learning rate; or what the disk or libtorch said.
pub fn pretrain(
    checkpoint: Checkpoint,
    pictures: &Pictures,
    device: Device,
    run: &Path,
    limits: Limits<'_>,
    listener: Listener<'_>,
) -> Result<Ending, TrainError> {
    let text = checkpoint.recipe_text.clone();
    let mut learner = Learner::new(&checkpoint, device)?;
    let recipe = learner.recipe.clone();
    let steps_per_epoch = (pictures.len() / recipe.batch) as u64;
    if steps_per_epoch == 0 {
        let message = format!(
            "batch {} is larger than the {} pictures",
            recipe.batch,
            pictures.len()
        );
        return Err(TrainError::Recipe(message));
    }
    let rates = Rates::new(&recipe.schedule, recipe.batch, steps_per_epoch);
    let last = limits.steps.unwrap_or(u64::MAX).min(rates.total_steps());
    let mut meter = Meter::open(run)?;
    let mut epoch_loss = EpochLoss {
        done: checkpoint.epochs_done,
        last: checkpoint.epoch_loss,
        sum: 0.0,
        count: 0,
    };
    let (started, mut saved) = (Instant::now(), Instant::now());
    let mut step = checkpoint.step;
    let mut sequence = (u64::MAX, vec![]);
    let mut pending: Vec<Tensor> = vec![];
    while step < last {
        let (epoch, within) = (step / steps_per_epoch, (step % steps_per_epoch) as usize);
        if sequence.0 != epoch {
            sequence = (epoch, order(pictures.len(), recipe.seed, epoch));
        }
        let indices = &sequence.1[within * recipe.batch..(within + 1) * recipe.batch];
        let views = views::pair(
            &pictures.batch(indices)?,
            indices,
            &recipe.views,
            recipe.seed,
            epoch,
        )?;
        pending.push(learner.step(&views, rates.at(step))?);
        step += 1;
        let is_epochs_end = step.is_multiple_of(steps_per_epoch);
        let pauses = step < last
            && (limits.stop.load(Ordering::Relaxed)
                || limits.time.is_some_and(|most| started.elapsed() >= most));
        if step.is_multiple_of(STEPS_PER_RECORD) || step == last || is_epochs_end || pauses {
            for loss in read_losses(&mut pending)? {
                if !loss.is_finite() {
                    return Err(TrainError::Diverged {
                        loss,
                        step,
                        epoch,
                        rate: rates.at(step - 1),
                    });
                }
                meter.add(loss, recipe.batch);
                epoch_loss.add(loss);
            }
            let record: Record =
                meter.record(step, rates.total_steps(), steps_per_epoch, rates.at(step - 1))?;
            listener(&record);
        }
        if is_epochs_end {
            epoch_loss.close();
        }
        if pauses || step == last || saved.elapsed() >= limits.checkpoint_every {
            learner.checkpoint(&text, step, &epoch_loss)?.save(run)?;
            saved = Instant::now();
        }
        if pauses {
            return Ok(Ending::Paused { step });
        }
    }
    if step < rates.total_steps() {
        Ok(Ending::Paused { step })
    } else {
        Ok(Ending::Finished)
    }
}

/// The pending losses' values; this is where a GPU is waited for.
fn read_losses(pending: &mut Vec<Tensor>) -> Result<Vec<f64>, TrainError> {
    if pending.is_empty() {
        return Ok(vec![]);
    }
    let all = Tensor::f_stack(pending, 0)?
        .f_to_kind(tch::Kind::Double)?
        .f_to_device(Device::Cpu)?;
    pending.clear();
    Ok(Vec::<f64>::try_from(&all)?)
}

/// Epochs done and the mean loss of the last one.
struct EpochLoss {
    done: u64,
    last: Option<f64>,
    sum: f64,
    count: u32,
}

impl EpochLoss {
    fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.count += 1;
    }

    fn close(&mut self) {
        self.last = Some(self.sum / f64::from(self.count.max(1)));
        self.done += 1;
        (self.sum, self.count) = (0.0, 0);
    }
}
