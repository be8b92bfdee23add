//! `simclr-train pretrain`, `supervised` and `resume`: one run, from its first step or from a checkpoint.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::monitor::Monitor;
use simclr_train::run_folder::RunFolder;
use simclr_train::{Ending, TrainRecipe, pretrain};

use super::{How, load, newest, show};

#[derive(Args)]
pub(super) struct Begin {
    /// The recipe; see train/recipes
    recipe: PathBuf,
    /// Folder of the run: checkpoints, metrics; must not hold a run yet
    #[arg(long)]
    out: PathBuf,
    /// Folder of a run whose weights this one begins with, such as one on other pictures; its encoder must be the recipe's
    #[arg(long)]
    from: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

impl Begin {
    pub(super) fn run(&self, with_labels: bool) -> anyhow::Result<()> {
        let (recipe, out) = (self.recipe.display(), self.out.display());
        let text = std::fs::read_to_string(&self.recipe).with_context(|| format!("reading {recipe}"))?;
        let mut checkpoint = Checkpoint::start(&text)?;
        if let Some(run) = &self.from {
            checkpoint = checkpoint.at_weights_of(&newest(run)?)?;
        }
        match (TrainRecipe::parse(&text)?.objective.needs_labels(), with_labels) {
            (true, false) => {
                bail!("this recipe's objective learns from labels: use `simclr-train supervised`")
            }
            (false, true) => bail!("this recipe's objective needs no labels: use `simclr-train pretrain`"),
            _ => (),
        }
        if RunFolder::new(&self.out).holds_a_run()? {
            bail!("{out} holds a run: continue it with `simclr-train resume {out}`, or choose another --out");
        }
        go_on(&self.out, checkpoint, &self.how)
    }
}

/// Continues a checkpoint and says how it went on.
pub(super) fn go_on(run: &Path, checkpoint: Checkpoint, how: &How) -> anyhow::Result<()> {
    let limits = how.limits()?;
    let device = how.machine.prepare()?;
    let recipe = TrainRecipe::parse(&checkpoint.recipe_text)?;
    let (dataset, mut pictures) = load(&recipe, &how.data, device)?;
    let monitor = Monitor::new(&dataset, &recipe)?;
    if let Some(monitor) = &monitor {
        pictures.leave_out(monitor.held_out());
        eprintln!("monitor: {}", monitor.describe());
    }
    let place = if pictures.is_resident() { "in memory" } else { "read from disk" };
    let (count, step) = (pictures.len(), checkpoint.step);
    eprintln!("{count} pictures {place}, step {step}, checkpoints in {}", run.display());
    let mut show = show::Show::new(how.json);
    let ending = pretrain(checkpoint, &pictures, monitor.as_ref(), device, run, limits, &mut |line| {
        show.line(line);
    })?;
    show.end();
    match ending {
        Ending::Finished => {
            eprintln!("finished; next: simclr-train export {} --out <artefact folder>", run.display());
        }
        Ending::Paused { step } => {
            eprintln!("paused after step {step}; next: simclr-train resume {} --data …", run.display());
        }
    }
    Ok(())
}
