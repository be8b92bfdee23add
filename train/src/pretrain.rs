//! The pretraining loop: Algorithm 1 of the paper, with checkpoints.

mod limits;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use simclr_models::Earlier;
use tch::{Device, Kind, Tensor};

use crate::checkpoint::Checkpoint;
use crate::feed::{Feed, Maker};
use crate::learner::Learner;
use crate::monitor::Monitor;
use crate::pictures::Pictures;
use crate::progress::{Journal, Line, Listener, Meter, Monitored, Unread, draw};
use crate::run_folder::RunFolder;
use crate::schedule::Rates;
use crate::{TrainError, TrainRecipe};

pub use limits::{Ending, Limits};

/// Steps between two records and two looks at the loss's value, which make the device wait.
const STEPS_PER_RECORD: u64 = 10;

/// Continues `checkpoint` on `pictures` until its last step or a limit, keeping checkpoints and metrics in the folder `run`
/// (laid out as [`crate::run_folder`] says), with `monitor` looking at the encoder now and then.
///
/// # Errors
/// When the pictures are not those that the run was begun on, another process trains there, or the loss stops being a number, with the step and the
/// learning rate; or what the disk or libtorch said.
pub fn pretrain(
    checkpoint: Checkpoint,
    pictures: &Pictures,
    monitor: Option<&Monitor>,
    device: Device,
    run: &Path,
    limits: Limits<'_>,
    listener: Listener<'_>,
) -> Result<Ending, TrainError> {
    let recipe = TrainRecipe::parse(&checkpoint.recipe_text)?;
    let maker = Maker::new(pictures, &recipe)?;
    let folder = RunFolder::new(run);
    let checkpoint = checkpoint.on(pictures.identity())?;
    let _lock = folder.lock()?;
    folder.prepare(checkpoint.step)?;
    if !folder.holds_a_run()? {
        folder.keep(&checkpoint, limits.keep, false)?;
    }
    let watched = Watched { pictures, monitor, device };
    let mut session = Session::new(checkpoint, recipe, maker.steps_per_epoch(), watched, folder)?;
    let total = session.rates.total_steps();
    let last = limits.steps.unwrap_or(u64::MAX).min(total);
    std::thread::scope(|scope| {
        let mut feed = Feed::start(scope, maker, session.step..last);
        session.run(&mut feed, last, limits, listener)
    })?;
    draw(&session.folder, &session.name)?;
    if session.step < total { Ok(Ending::Paused { step: session.step }) } else { Ok(Ending::Finished) }
}

/// What a run is about, besides its numbers.
struct Watched<'a> {
    pictures: &'a Pictures,
    monitor: Option<&'a Monitor>,
    device: Device,
}

/// A run being continued.
struct Session<'a> {
    watched: Watched<'a>,
    name: String,
    text: String,
    earlier: Vec<Earlier>,
    batch: usize,
    learner: Learner,
    rates: Rates,
    steps_per_epoch: u64,
    step: u64,
    /// Losses that are still on the device.
    unread: Vec<Tensor>,
    meter: Meter,
    journal: Journal,
    folder: RunFolder,
    /// What the monitor found at this step.
    knn: Option<f64>,
    /// How good the best checkpoint is.
    best: Option<f64>,
}

impl<'a> Session<'a> {
    fn new(
        checkpoint: Checkpoint,
        recipe: TrainRecipe,
        steps_per_epoch: u64,
        watched: Watched<'a>,
        folder: RunFolder,
    ) -> Result<Self, TrainError> {
        let Checkpoint { epochs_done, epoch_loss, epoch_so_far, .. } = checkpoint;
        Ok(Self {
            learner: Learner::new(&checkpoint, watched.device)?,
            rates: Rates::new(&recipe.schedule, recipe.batch, steps_per_epoch),
            meter: Meter::new(epochs_done, epoch_loss, epoch_so_far),
            journal: Journal::open(&folder, checkpoint.step)?,
            step: checkpoint.step,
            text: checkpoint.recipe_text,
            earlier: checkpoint.earlier,
            batch: recipe.batch,
            unread: vec![],
            knn: None,
            best: folder.best().ok().and_then(|best| goodness(&best, watched.monitor.is_some())),
            name: recipe.name,
            folder,
            steps_per_epoch,
            watched,
        })
    }

    fn run(
        &mut self,
        feed: &mut Feed,
        last: u64,
        limits: Limits<'_>,
        listener: Listener<'_>,
    ) -> Result<(), TrainError> {
        let mut saved = Instant::now();
        while self.step < last {
            self.unread.push(self.learner.step(&feed.take()?, self.rates.at(self.step))?);
            self.step += 1;
            let is_asked_to_stop = limits.stop.load(Ordering::Relaxed);
            let pauses = is_asked_to_stop || limits.until.is_some_and(|end| Instant::now() >= end);
            let looks = self.is_time_to_look();
            let saves = looks || pauses || self.step == last || saved.elapsed() >= limits.checkpoint_every;
            // Losses are read before a checkpoint is kept, so that none is kept of a run that has diverged.
            if saves || self.is_worth_a_record() {
                self.record(feed.take_waited(), listener)?;
            }
            if looks {
                self.look(listener)?;
            }
            if saves {
                self.keep(limits.keep)?;
                saved = Instant::now();
                self.meter.start_anew();
            }
            if pauses {
                break;
            }
        }
        Ok(())
    }

    fn is_worth_a_record(&self) -> bool {
        self.step.is_multiple_of(STEPS_PER_RECORD) || self.step.is_multiple_of(self.steps_per_epoch)
    }

    /// Reads the losses, which is where a GPU is waited for, and tells what there is to tell.
    fn record(&mut self, waited: Duration, listener: Listener<'_>) -> Result<(), TrainError> {
        let rate = self.rates.at(self.step - 1);
        let losses = Tensor::f_stack(&self.unread, 0)?.f_to_kind(Kind::Double)?.f_to_device(Device::Cpu)?;
        self.unread.clear();
        for loss in Vec::<f64>::try_from(&losses)? {
            if !loss.is_finite() {
                let (step, epoch) = (self.step, (self.step - 1) / self.steps_per_epoch);
                return Err(TrainError::Diverged { loss, step, epoch, rate });
            }
            self.meter.add(loss, self.batch);
        }
        let (step, steps) = (self.step, self.rates.total_steps());
        let record = self.meter.record((step, steps, self.steps_per_epoch), rate, waited);
        let unread = |broken| Line::Broken(Unread { step, steps, picture: broken });
        let broken = self.watched.pictures.newly_broken().into_iter().map(|broken| unread(broken.reason));
        for line in std::iter::once(Line::Step(record)).chain(broken) {
            self.journal.write(&line)?;
            listener(&line);
        }
        Ok(())
    }

    fn is_time_to_look(&self) -> bool {
        let is_due = |monitor: &Monitor| {
            self.step.is_multiple_of(monitor.every_epochs() * self.steps_per_epoch)
                || self.step == self.rates.total_steps()
        };
        self.watched.monitor.is_some_and(is_due)
    }

    /// Lets the monitor judge the encoder, and draws the run so far.
    fn look(&mut self, listener: Listener<'_>) -> Result<(), TrainError> {
        let Some(monitor) = self.watched.monitor else { return Ok(()) };
        let look = monitor.look(&self.learner.weights()?.0, self.watched.device)?;
        self.knn = Some(look.knn);
        let (step, steps) = (self.step, self.rates.total_steps());
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let epoch = step as f64 / self.steps_per_epoch as f64;
        let line = Line::Monitor(Monitored { step, steps, epoch, look });
        self.journal.write(&line)?;
        listener(&line);
        draw(&self.folder, &self.name)
    }

    fn keep(&mut self, most: usize) -> Result<(), TrainError> {
        let (encoder, head) = self.learner.weights()?;
        let checkpoint = Checkpoint {
            recipe_text: self.text.clone(),
            step: self.step,
            epochs_done: self.meter.epochs_done,
            epoch_loss: self.meter.epoch_loss,
            epoch_so_far: self.meter.epoch_so_far,
            knn: self.knn.take(),
            pictures: Some(self.watched.pictures.identity().clone()),
            encoder,
            head,
            slots: self.learner.slots()?,
            earlier: self.earlier.clone(),
            memory: self.learner.memory()?,
        };
        let good = goodness(&checkpoint, self.watched.monitor.is_some());
        let is_best = good.is_some_and(|good| self.best.is_none_or(|best| good > best));
        if is_best {
            self.best = good;
        }
        self.folder.keep(&checkpoint, most, is_best)
    }
}

/// The monitor's kNN accuracy or, unmonitored, the last full epoch's loss turned round; more is better.
fn goodness(checkpoint: &Checkpoint, is_monitored: bool) -> Option<f64> {
    if is_monitored { checkpoint.knn } else { checkpoint.epoch_loss.map(|loss| -loss) }
}
