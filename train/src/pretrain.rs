//! The pretraining loop: Algorithm 1 of the paper, with checkpoints.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use crate::checkpoint::Checkpoint;
use crate::learner::Learner;
use crate::pictures::{Pictures, order};
use crate::progress::{Listener, Meter, Record};
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
    let mut session = Session::new(checkpoint, pictures, device, run)?;
    let total = session.rates.total_steps();
    let last = limits.steps.unwrap_or(u64::MAX).min(total);
    let (started, mut saved) = (Instant::now(), Instant::now());
    while session.step < last {
        session.advance()?;
        let is_asked_to_stop = limits.stop.load(Ordering::Relaxed);
        let pauses = is_asked_to_stop || limits.time.is_some_and(|most| started.elapsed() >= most);
        let saves = pauses || session.step == last || saved.elapsed() >= limits.checkpoint_every;
        // Losses are read before a checkpoint is kept, so that none is kept of a run that has diverged.
        if saves || session.is_worth_a_record() {
            listener(&session.record()?);
        }
        if saves {
            session.checkpoint()?.save(run)?;
            saved = Instant::now();
        }
        if pauses {
            break;
        }
    }
    if session.step < total { Ok(Ending::Paused { step: session.step }) } else { Ok(Ending::Finished) }
}

/// A run being continued.
struct Session<'a> {
    text: String,
    recipe: TrainRecipe,
    learner: Learner,
    pictures: &'a Pictures,
    rates: Rates,
    steps_per_epoch: u64,
    step: u64,
    /// An epoch and its order of pictures.
    order: (u64, Vec<i64>),
    /// Losses that are still on the device.
    unread: Vec<Tensor>,
    meter: Meter,
}

impl<'a> Session<'a> {
    fn new(
        checkpoint: Checkpoint,
        pictures: &'a Pictures,
        device: Device,
        run: &Path,
    ) -> Result<Self, TrainError> {
        let recipe = TrainRecipe::parse(&checkpoint.recipe_text)?;
        let steps_per_epoch = (pictures.len() / recipe.batch) as u64;
        if steps_per_epoch == 0 {
            let (batch, count) = (recipe.batch, pictures.len());
            return Err(TrainError::Recipe(format!("batch {batch} is larger than the {count} pictures")));
        }
        Ok(Self {
            learner: Learner::new(&checkpoint, device)?,
            rates: Rates::new(&recipe.schedule, recipe.batch, steps_per_epoch),
            order: (0, order(pictures.len(), recipe.seed, 0)),
            meter: Meter::open(run, checkpoint.epochs_done, checkpoint.epoch_loss)?,
            step: checkpoint.step,
            text: checkpoint.recipe_text,
            unread: vec![],
            pictures,
            recipe,
            steps_per_epoch,
        })
    }

    fn advance(&mut self) -> Result<(), TrainError> {
        let Self { recipe, pictures, .. } = self;
        let epoch = self.step / self.steps_per_epoch;
        if self.order.0 != epoch {
            self.order = (epoch, order(pictures.len(), recipe.seed, epoch));
        }
        let within = (self.step % self.steps_per_epoch) as usize;
        let indices = &self.order.1[within * recipe.batch..(within + 1) * recipe.batch];
        let chosen = pictures.batch(indices)?;
        let views = views::pair(&chosen, indices, &recipe.views, recipe.seed, epoch)?;
        self.unread.push(self.learner.step(&views, self.rates.at(self.step))?);
        self.step += 1;
        Ok(())
    }

    fn is_worth_a_record(&self) -> bool {
        self.step.is_multiple_of(STEPS_PER_RECORD) || self.step.is_multiple_of(self.steps_per_epoch)
    }

    /// Reads the losses, which is where a GPU is waited for.
    fn record(&mut self) -> Result<Record, TrainError> {
        let rate = self.rates.at(self.step - 1);
        let losses = Tensor::f_stack(&self.unread, 0)?.f_to_kind(Kind::Double)?.f_to_device(Device::Cpu)?;
        self.unread.clear();
        for loss in Vec::<f64>::try_from(&losses)? {
            if !loss.is_finite() {
                let (step, epoch) = (self.step, (self.step - 1) / self.steps_per_epoch);
                return Err(TrainError::Diverged { loss, step, epoch, rate });
            }
            self.meter.add(loss, self.recipe.batch);
        }
        self.meter.record(self.step, self.rates.total_steps(), self.steps_per_epoch, rate)
    }

    fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let (encoder, head) = self.learner.weights()?;
        Ok(Checkpoint {
            recipe_text: self.text.clone(),
            step: self.step,
            epochs_done: self.meter.epochs_done,
            epoch_loss: self.meter.epoch_loss,
            encoder,
            head,
            slots: self.learner.slots()?,
        })
    }
}
