//! `bench-step` and `bench-loop`: pictures a second as one line of JSON, for comparing with other programs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use simclr_train::TrainRecipe;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::feed::{Feed, Maker};
use simclr_train::learner::Learner;
use simclr_train::objective::Input;
use tch::{Device, Tensor};

use super::Machine;

/// Steps that are not timed.
const WARM_UP: usize = 2;
/// The learning rate.
const RATE: f64 = 1e-3;

/// The training step on noise, the same in every step: the median.
#[derive(Args)]
pub(super) struct Step {
    #[command(flatten)]
    what: What,
}

/// Whole steps as in pretraining, views included: the mean.
#[derive(Args)]
pub(super) struct WholeLoop {
    /// Folder of the recipe's dataset
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    what: What,
}

#[derive(Args)]
struct What {
    /// The recipe that is timed
    recipe: PathBuf,
    /// Pictures a step, instead of the recipe's
    #[arg(long)]
    batch: Option<usize>,
    /// Steps timed, after two that are not
    #[arg(long, default_value_t = 10)]
    steps: usize,
    #[command(flatten)]
    machine: Machine,
}

impl Step {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        step(&self.what)
    }
}

impl WholeLoop {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        whole_loop(&self.data, &self.what)
    }
}

fn step(what: &What) -> anyhow::Result<()> {
    let (steps, device) = (what.steps, what.machine.prepare()?);
    let (recipe, mut learner) = learner(&what.recipe, what.batch, device)?;
    let input = Input::noise(&recipe, recipe.batch, device)?;
    let mut seconds = vec![];
    for step in 0..steps + WARM_UP {
        let started = Instant::now();
        check(&learner.step(&input, RATE)?)?;
        if step >= WARM_UP {
            seconds.push(started.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    report(recipe.batch, *seconds.get(steps / 2).context("--steps must be at least 1")?)
}

fn whole_loop(data: &Path, what: &What) -> anyhow::Result<()> {
    let steps = what.steps;
    ensure!(steps > 0, "--steps must be at least 1");
    let device = what.machine.prepare()?;
    let (recipe, mut learner) = learner(&what.recipe, what.batch, device)?;
    let (_, pictures) = super::load(&recipe, data, device)?;
    let maker = Maker::new(&pictures, &recipe)?;
    std::thread::scope(|scope| {
        // It goes on to the end, so that as many inputs are made while time is taken as are used.
        let mut feed = Feed::start(scope, maker, 0..u64::MAX);
        let mut started = Instant::now();
        for step in 0..steps + WARM_UP {
            if step == WARM_UP {
                started = Instant::now();
            }
            check(&learner.step(&feed.take()?, RATE)?)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "few steps are timed")]
        report(recipe.batch, started.elapsed().as_secs_f64() / steps as f64)
    })
}

/// The recipe, with another batch if given, and its learner before the first step.
fn learner(path: &Path, batch: Option<usize>, device: Device) -> anyhow::Result<(TrainRecipe, Learner)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut recipe = TrainRecipe::parse(&text)?;
    recipe.batch = batch.unwrap_or(recipe.batch);
    Ok((recipe, Learner::new(&Checkpoint::start(&text)?, device)?))
}

/// Waits for the step to end, as reading its loss does.
fn check(loss: &Tensor) -> anyhow::Result<()> {
    let loss = loss.f_double_value(&[])?;
    ensure!(loss.is_finite(), "the loss became {loss}");
    Ok(())
}

fn report(batch: usize, step_seconds: f64) -> anyhow::Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
    let rate = batch as f64 / step_seconds;
    println!(
        "{}",
        serde_json::json!({ "batch": batch, "step_seconds": step_seconds, "pictures_per_second": rate })
    );
    Ok(())
}
