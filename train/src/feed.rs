//! Inputs of the next steps, made by a thread of its own while a GPU runs the current one or a disk is read.
//!
//! What a step is given depends on nothing but the step, so results are those of making views and stepping in turn.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;
use std::time::{Duration, Instant};

use crate::objective::{Input, check_labels};
use crate::pictures::Pictures;
use crate::{TrainError, TrainRecipe};

/// Batches that wait ready; a further one is being made.
const AHEAD: usize = 2;

/// Makes any step's input.
#[derive(Debug)]
pub struct Maker {
    pictures: Pictures,
    recipe: TrainRecipe,
    steps_per_epoch: u64,
    /// An epoch and its order of pictures.
    order: (u64, Vec<i64>),
}

impl Maker {
    /// Inputs from these pictures as the recipe says.
    ///
    /// An epoch's last pictures that do not fill a batch are left out; the published code repeats the pictures first and
    /// cuts batches then, across epochs, so that none is.
    ///
    /// # Errors
    /// When there are fewer pictures than a batch takes, or not the classes that the objective names.
    pub fn new(pictures: &Pictures, recipe: &TrainRecipe) -> Result<Self, TrainError> {
        check_labels(&recipe.objective, pictures)?;
        let (batch, count) = (recipe.batch, pictures.len());
        let steps_per_epoch = (count / batch) as u64;
        if steps_per_epoch == 0 {
            return Err(TrainError::Recipe(format!("batch {batch} is larger than the {count} pictures")));
        }
        let order = (0, pictures.order(recipe.seed, 0));
        Ok(Self { pictures: pictures.share(), recipe: recipe.clone(), steps_per_epoch, order })
    }

    /// Full batches in an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// What step `step`, from 0, is taken on.
    ///
    /// # Errors
    /// libtorch's words; when streamed, that too many pictures cannot be read.
    pub fn input(&mut self, step: u64) -> Result<Input, TrainError> {
        let Self { recipe, pictures, .. } = self;
        let epoch = step / self.steps_per_epoch;
        if self.order.0 != epoch {
            self.order = (epoch, pictures.order(recipe.seed, epoch));
        }
        let within = (step % self.steps_per_epoch) as usize;
        let places = &self.order.1[within * recipe.batch..(within + 1) * recipe.batch];
        Input::new(recipe, pictures, places, epoch)
    }
}

/// The inputs of one step after another.
#[derive(Debug)]
pub struct Feed {
    source: Source,
    waited: Duration,
}

#[derive(Debug)]
enum Source {
    /// Made ahead.
    Thread(Receiver<Result<Input, TrainError>>),
    /// Made when they are asked for.
    Here(Box<Maker>, std::ops::Range<u64>),
}

impl Feed {
    /// Starts making the inputs of `steps`; ends when they are made, one fails, or the feed is dropped.
    ///
    /// Pictures in memory for a processor are made into views when they are asked for, on the threads that also run the
    /// step: a further thread would only take turns with those, and each of them waits for the slowest.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        mut maker: Maker,
        steps: std::ops::Range<u64>,
    ) -> Self {
        let waited = Duration::ZERO;
        if maker.pictures.is_at_hand() {
            return Self { source: Source::Here(Box::new(maker), steps), waited };
        }
        let (sender, receiver) = sync_channel(AHEAD);
        scope.spawn(move || {
            for step in steps {
                let made = maker.input(step);
                let is_last = made.is_err();
                // A closed channel means that the run has paused or failed and nobody waits any more.
                if sender.send(made).is_err() || is_last {
                    return;
                }
            }
        });
        Self { source: Source::Thread(receiver), waited }
    }

    /// Whether a thread of its own makes inputs before they are asked for.
    pub fn is_ahead(&self) -> bool {
        matches!(self.source, Source::Thread(_))
    }

    /// The next step's input.
    ///
    /// # Errors
    /// What making it came to, or that none is left.
    pub fn take(&mut self) -> Result<Input, TrainError> {
        let started = Instant::now();
        let input = match &mut self.source {
            Source::Thread(receiver) => receiver.recv().ok(),
            Source::Here(maker, steps) => steps.next().map(|step| maker.input(step)),
        };
        self.waited += started.elapsed();
        input.ok_or_else(|| TrainError::Torch("no step's input is left, or their thread has ended".into()))?
    }

    /// Time spent waiting for inputs, or making them, since the last call.
    pub(crate) fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }
}
