//! The command line: what was typed, turned into calls of the library. Only the binary has this module.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use simclr_datasets::Dataset;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::device::{Place, prepare};
use simclr_train::monitor::Monitor;
use simclr_train::pictures::Pictures;
use simclr_train::run_folder::RunFolder;
use simclr_train::{Ending, Limits, TrainError, TrainRecipe, export, pretrain};
use tch::Device;

mod ablate;
mod bench;
mod finetune;
mod show;
mod views;

/// Raised by Ctrl-C and SIGTERM: the run keeps a checkpoint and ends.
static STOP: AtomicBool = AtomicBool::new(false);

#[derive(Parser)]
#[command(version, about = "SimCLR pretraining: recipe in, encoder out", after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  simclr-train pretrain train/recipes/tiny.toml --data ~/cifar-10-batches-bin --out runs/tiny
  simclr-train resume runs/tiny --data ~/cifar-10-batches-bin --keep 3
  simclr-train export runs/tiny --out models/artefacts/simclr-tiny
  simclr-train export runs/tiny --best --out models/artefacts/simclr-tiny-best
  simclr-train views train/recipes/tiny.toml --data ~/cifar-10-batches-bin --out views.png
  simclr-train finetune train/finetune/cifar10-1-percent.toml --from runs/mine --data ~/cifar-10-batches-bin --out runs/tuned
  simclr-train ablate train/ablations/heads.toml --data ~/cifar-10-batches-bin --out runs/heads";

#[derive(Subcommand)]
enum Command {
    /// Starts a run without labels as a recipe says: SimCLR, or what it is compared with
    Pretrain {
        /// The recipe; see train/recipes
        recipe: PathBuf,
        /// Folder of the run: checkpoints, metrics; must not hold a run yet
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Starts a run on labels, the supervised baseline, as a recipe with the objective `supervised` says
    Supervised {
        /// The recipe; see train/recipes
        recipe: PathBuf,
        /// Folder of the run: checkpoint, metrics; must not hold a run yet
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Continues a run from its newest checkpoint that can be read
    Resume {
        /// Folder of the run
        run: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Writes a run's encoder as an artefact: ONNX and card
    Export {
        /// Folder of the run
        run: PathBuf,
        /// Folder to make
        #[arg(long, short)]
        out: PathBuf,
        /// The run's best checkpoint instead of its newest
        #[arg(long)]
        best: bool,
        /// What embeddings are: h, or the output of the first 1, 2, … layers of the projection head
        #[arg(long, default_value = "h")]
        output: export::Output,
        /// What it was trained on, for the card
        #[arg(long, default_value = "")]
        data: String,
        /// Licence of the weights, for the card
        #[arg(long, default_value = "Apache-2.0 OR MIT")]
        licence: String,
    },
    /// Writes a picture sheet of a recipe's views, so that a person can look
    Views(views::Arguments),
    /// Teaches a pretrained encoder labels, all of them or a share
    Finetune(finetune::Finetune),
    /// Runs a table of pretrainings and judges each
    Ablate(ablate::Ablate),
    /// Times the training step alone, on random views
    BenchStep {
        /// The recipe whose network, batch and precision are timed
        recipe: PathBuf,
        /// Pictures a step, instead of the recipe's
        #[arg(long)]
        batch: Option<usize>,
        /// Steps timed, after two that are not
        #[arg(long, default_value_t = 10)]
        steps: usize,
        #[command(flatten)]
        machine: Machine,
    },
    /// Times whole steps: pictures, their augmentation and the training step
    BenchLoop {
        /// The recipe that is timed
        recipe: PathBuf,
        /// Folder of the recipe's dataset
        #[arg(long)]
        data: PathBuf,
        /// Pictures a step, instead of the recipe's
        #[arg(long)]
        batch: Option<usize>,
        /// Steps timed, after two that are not
        #[arg(long, default_value_t = 10)]
        steps: usize,
        #[command(flatten)]
        machine: Machine,
    },
}

#[derive(Args)]
struct How {
    /// Folder of the recipe's dataset
    #[arg(long)]
    data: PathBuf,
    /// Stop after about so many seconds, keeping a checkpoint
    #[arg(long)]
    limit_seconds: Option<u64>,
    /// Stop once so many steps of the whole run are done, keeping a checkpoint
    #[arg(long)]
    limit_steps: Option<u64>,
    /// Seconds between checkpoints
    #[arg(long, default_value_t = 300)]
    checkpoint_seconds: u64,
    /// Checkpoints kept: the last so many, besides the best
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
    /// Records as JSON lines on a terminal too
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    machine: Machine,
}

#[derive(Args)]
struct Machine {
    /// Where to train; asking for a GPU that is not there is an error
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Threads on the processor; all cores when absent
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum DeviceName {
    Cpu,
    Cuda,
}

impl Machine {
    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn prepare(&self) -> anyhow::Result<Device> {
        Ok(prepare(match self.device {
            DeviceName::Cpu => Place::Cpu { threads: self.threads() },
            DeviceName::Cuda => Place::Cuda,
        })?)
    }
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Pretrain { recipe, out, how } => begin(&recipe, &out, &how, false),
            Command::Supervised { recipe, out, how } => begin(&recipe, &out, &how, true),
            Command::Resume { run, how } => go_on(&run, newest(&run)?, &how),
            Command::Export { run, out, best, output, data, licence } => {
                let checkpoint = if best { RunFolder::new(&run).best() } else { newest(&run) }?;
                let artefact = export::export(&checkpoint, &out, output, &data, &licence)?;
                println!("{}", out.display());
                eprintln!("space key {}; libtorch and ONNX Runtime agree", artefact.space_key());
                Ok(())
            }
            Command::Views(arguments) => views::write(&arguments),
            Command::Finetune(finetune) => finetune.run(),
            Command::Ablate(ablate) => ablate.run(),
            Command::BenchStep { recipe, batch, steps, machine } => {
                bench::step(&recipe, batch, steps, &machine)
            }
            Command::BenchLoop { recipe, data, batch, steps, machine } => {
                bench::whole_loop(&recipe, &data, batch, steps, &machine)
            }
        }
    }
}

fn begin(recipe: &Path, out: &Path, how: &How, with_labels: bool) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(recipe).with_context(|| format!("reading {}", recipe.display()))?;
    let checkpoint = Checkpoint::start(&text)?;
    match (TrainRecipe::parse(&text)?.objective.needs_labels(), with_labels) {
        (true, false) => bail!("this recipe's objective learns from labels: use `simclr-train supervised`"),
        (false, true) => bail!("this recipe's objective needs no labels: use `simclr-train pretrain`"),
        _ => (),
    }
    if RunFolder::new(out).holds_a_run()? {
        let out = out.display();
        bail!("{out} holds a run: continue it with `simclr-train resume {out}`, or choose another --out");
    }
    go_on(out, checkpoint, how)
}

/// The newest checkpoint that can be read, saying loudly which could not.
fn newest(run: &Path) -> Result<Checkpoint, TrainError> {
    let found = RunFolder::new(run).newest()?;
    for error in &found.passed_over {
        eprintln!("WARNING: {error}");
    }
    if !found.passed_over.is_empty() {
        eprintln!("WARNING: going back to {}, step {}", found.path.display(), found.checkpoint.step);
    }
    Ok(found.checkpoint)
}

fn go_on(run: &Path, checkpoint: Checkpoint, how: &How) -> anyhow::Result<()> {
    ctrlc::set_handler(|| STOP.store(true, std::sync::atomic::Ordering::Relaxed))?;
    let device = how.machine.prepare()?;
    let recipe = TrainRecipe::parse(&checkpoint.recipe_text)?;
    let (dataset, mut pictures) = load(&recipe, &how.data, device)?;
    let monitor = Monitor::new(&dataset, &recipe)?;
    if let Some(monitor) = &monitor {
        pictures.leave_out(monitor.held_out());
        eprintln!("monitor: {}", monitor.describe());
    }
    for broken in pictures.broken() {
        eprintln!("WARNING: left out: {}", broken.reason);
    }
    let place = if pictures.is_resident() { "in memory" } else { "read from disk" };
    let (count, step) = (pictures.len(), checkpoint.step);
    eprintln!("{count} pictures {place}, step {step}, checkpoints in {}", run.display());
    let limits = Limits {
        time: how.limit_seconds.map(Duration::from_secs),
        steps: how.limit_steps,
        stop: &STOP,
        checkpoint_every: Duration::from_secs(how.checkpoint_seconds),
        keep: usize::from(how.keep),
    };
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

/// The recipe's dataset and its training split's pictures.
fn load(recipe: &TrainRecipe, data: &Path, device: Device) -> anyhow::Result<(Dataset, Pictures)> {
    let dataset = simclr_datasets::open(&recipe.data.dataset, data)?;
    let samples = dataset
        .split(simclr_datasets::Split::Train)
        .with_context(|| format!("{} at {} has no training split", recipe.data.dataset, data.display()))?;
    let pictures = Pictures::load(samples, &recipe.data, device)?;
    Ok((dataset, pictures))
}
