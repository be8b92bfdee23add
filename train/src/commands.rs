//! The command line: what was typed, turned into calls of the library. Only the binary has this module.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use simclr_datasets::Dataset;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::device::{Place, prepare};
use simclr_train::pictures::Pictures;
use simclr_train::run_folder::RunFolder;
use simclr_train::{Limits, TrainError, TrainRecipe, export};
use tch::Device;

mod ablate;
mod bench;
mod finetune;
mod pretrain;
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
  simclr-train pretrain train/recipes/tiny.toml --from runs/tiny --data ~/my-pictures --out runs/mine
  simclr-train resume runs/tiny --data ~/cifar-10-batches-bin --keep 3
  simclr-train export runs/tiny --out models/artefacts/simclr-tiny
  simclr-train export runs/tiny --best --out models/artefacts/simclr-tiny-best
  simclr-train views train/recipes/tiny.toml --data ~/cifar-10-batches-bin --out views.png
  simclr-train finetune train/finetune/cifar10-1-percent.toml --from runs/mine --data ~/cifar-10-batches-bin --out runs/tuned
  simclr-train ablate train/ablations/heads.toml --data ~/cifar-10-batches-bin --out runs/heads";

#[derive(Subcommand)]
enum Command {
    /// Starts a run without labels as a recipe says: SimCLR, or what it is compared with
    Pretrain(pretrain::Begin),
    /// Starts a run on labels, the supervised baseline, as a recipe with the objective `supervised` says
    Supervised(pretrain::Begin),
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
        /// The encoder's name [default: the folder's]
        #[arg(long)]
        name: Option<String>,
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
    BenchStep(bench::Step),
    /// Times whole steps: pictures, their augmentation and the training step
    BenchLoop(bench::WholeLoop),
}

#[derive(Args)]
struct How {
    /// Folder of the recipe's dataset
    #[arg(long)]
    data: PathBuf,
    /// Stop about so many seconds from now, keeping a checkpoint, however many runs the command makes
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

impl How {
    /// When to stop; Ctrl-C and SIGTERM are heeded from here on.
    fn limits(&self) -> anyhow::Result<Limits<'static>> {
        ctrlc::set_handler(|| STOP.store(true, std::sync::atomic::Ordering::Relaxed))?;
        Ok(Limits {
            until: self.limit_seconds.and_then(|most| Instant::now().checked_add(Duration::from_secs(most))),
            steps: self.limit_steps,
            stop: &STOP,
            checkpoint_every: Duration::from_secs(self.checkpoint_seconds),
            keep: usize::from(self.keep),
        })
    }
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
            Command::Pretrain(begin) => begin.run(false),
            Command::Supervised(begin) => begin.run(true),
            Command::Resume { run, how } => pretrain::go_on(&run, newest(&run)?, &how),
            Command::Export { run, out, name, best, output, data, licence } => {
                let checkpoint = if best { RunFolder::new(&run).best() } else { newest(&run) }?;
                // A server finds encoders by their folders' names.
                let folder = out.file_name().map(|name| name.to_string_lossy().into_owned());
                let name = name.or(folder).context("--out must end in a name, or give --name")?;
                let about = export::About { name: Some(&name), data: &data, licence: &licence };
                let artefact = export::export(&checkpoint, &out, output, about)?;
                println!("{}", out.display());
                eprintln!("space key {}; libtorch and ONNX Runtime agree", artefact.space_key());
                Ok(())
            }
            Command::Views(arguments) => views::write(&arguments),
            Command::Finetune(finetune) => finetune.run(),
            Command::Ablate(ablate) => ablate.run(),
            Command::BenchStep(step) => step.run(),
            Command::BenchLoop(whole) => whole.run(),
        }
    }
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

/// The recipe's dataset and its training split's pictures, saying loudly which could not be read.
fn load(recipe: &TrainRecipe, data: &Path, device: Device) -> anyhow::Result<(Dataset, Pictures)> {
    let dataset = simclr_datasets::open(&recipe.data.dataset, data)?;
    let samples = dataset
        .split(simclr_datasets::Split::Train)
        .with_context(|| format!("{} at {} has no training split", recipe.data.dataset, data.display()))?;
    let pictures = Pictures::load(samples, &recipe.data, device)?;
    for broken in pictures.broken() {
        eprintln!("WARNING: left out: {}", broken.reason);
    }
    Ok((dataset, pictures))
}
