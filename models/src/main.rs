//! `simclr-models`: look at encoders, check them, use them on pictures.

mod commands;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use simclr_models::{ResNet, SIDE_MAX, Stem};

/// Lists, describes, verifies, imports and quantises encoders, and embeds pictures with them.
#[derive(Parser)]
#[command(name = "simclr-models", version, after_help = EXAMPLES)]
struct Cli {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  simclr-models list
  simclr-models describe --depth 50 --width 1 --stem imagenet
  simclr-models verify models/artefacts/*
  simclr-models embed models/artefacts/NAME cat.jpg dog.png -o out.npy
  simclr-models import resnet50.pth --name resnet50 --preset torchvision
  simclr-models quantize models/artefacts/NAME ~/Pictures --out models/artefacts/NAME-int8

An ARTEFACT is its folder, or its name when it lies in models/artefacts.";

const ARTEFACTS: &str = "models/artefacts";

#[derive(Subcommand)]
enum Command {
    /// List the artefacts of a folder.
    #[command(after_help = "Examples:\n  simclr-models list\n  simclr-models list runs/exported --json")]
    List {
        /// The folder that holds them.
        #[arg(default_value = ARTEFACTS)]
        folder: PathBuf,
    },
    /// Show a network step by step, and an artefact's card.
    #[command(
        after_help = "Examples:\n  simclr-models describe models/artefacts/NAME\n  simclr-models describe --depth 18 \
                            --width 0.25 --stem small-picture\n  simclr-models describe --depth 50 --json"
    )]
    Describe(Describe),
    /// Check files, weights and embeddings against each other; exits with 1 when anything differs.
    #[command(
        after_help = "Examples:\n  simclr-models verify models/artefacts/NAME\n  simclr-models verify a b c --json"
    )]
    Verify {
        /// The artefacts.
        #[arg(required = true, value_name = "ARTEFACT")]
        artefacts: Vec<PathBuf>,
    },
    /// Embed pictures into a NumPy file, one row a picture, in order.
    #[command(
        after_help = "Examples:\n  simclr-models embed models/artefacts/NAME cat.jpg dog.png -o out.npy\n  \
                            simclr-models embed NAME holiday/*.jpg -o holiday.npy --normalise --threads 2"
    )]
    Embed(Embed),
    /// Make an artefact of PyTorch or safetensors weights of a ResNet; no code in them is run.
    #[command(after_help = commands::import::EXAMPLES)]
    Import(commands::import::Import),
    /// Make an 8-bit artefact of a float one, calibrated on pictures.
    #[command(after_help = commands::quantize::EXAMPLES)]
    Quantize(commands::quantize::Quantize),
}

#[derive(Args)]
#[command(group(ArgGroup::new("network").required(true).args(["artefact", "depth"])))]
struct Describe {
    /// An artefact; or give --depth.
    #[arg(conflicts_with_all = ["width", "stem", "selective_kernels", "side"])]
    artefact: Option<PathBuf>,
    /// 10, 18, 34, 50, 101 or 152.
    #[arg(long)]
    depth: Option<u32>,
    /// Multiplies every channel count: 0.25 to 4.
    #[arg(long, default_value_t = 1.0)]
    width: f64,
    /// How the network begins.
    #[arg(long, value_enum, default_value_t = StemName::Imagenet)]
    stem: StemName,
    /// With selective kernels, as SimCLRv2's networks named sk1.
    #[arg(long)]
    selective_kernels: bool,
    /// Side of the pictures, for the shapes shown; 224 or 32 as the stem suggests.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(SIDE_MAX)))]
    side: Option<u32>,
}

#[derive(Args)]
struct Embed {
    /// The artefact.
    artefact: PathBuf,
    /// The pictures: JPEG, PNG, WebP, GIF or BMP.
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,
    /// The file to write.
    #[arg(short, long, value_name = "FILE.npy")]
    output: PathBuf,
    /// Make every embedding's length 1.
    #[arg(long)]
    normalise: bool,
    /// Threads to compute with; all cores by default.
    #[arg(long)]
    threads: Option<usize>,
    /// Pictures per call of the encoder.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum StemName {
    Imagenet,
    Torchvision,
    SmallPicture,
}

/// What a command has to say, in both forms, and whether all is well.
struct Report {
    text: String,
    json: serde_json::Value,
    passed: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command).and_then(|report| print(&report, cli.json)) {
        Ok(passed) => ExitCode::from(u8::from(!passed)),
        Err(error) if cli.json => {
            eprintln!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("simclr-models: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<Report> {
    match command {
        Command::List { folder } => commands::list::run(&folder),
        Command::Describe(Describe { artefact: Some(artefact), .. }) => {
            commands::describe::artefact(&commands::open(&artefact)?)
        }
        Command::Describe(Describe { depth, width, stem, selective_kernels, side, .. }) => {
            let plain = ResNet::plain(depth.unwrap_or_default(), width, stem.into());
            let network = ResNet { selective_kernels, ..plain };
            commands::describe::network(&network, side.unwrap_or(network.stem.usual_side()))
        }
        Command::Verify { artefacts } => Ok(commands::verify::run(&artefacts)),
        Command::Embed(embed) => commands::embed::run(&embed),
        Command::Import(import) => commands::import::run(&import),
        Command::Quantize(quantize) => commands::quantize::run(&quantize),
    }
}

impl From<StemName> for Stem {
    fn from(name: StemName) -> Self {
        match name {
            StemName::Imagenet => Self::Imagenet,
            StemName::Torchvision => Self::Torchvision,
            StemName::SmallPicture => Self::SmallPicture,
        }
    }
}

/// Prints the report; a reader that has seen enough (`| head`) is no error.
fn print(report: &Report, json: bool) -> anyhow::Result<bool> {
    let text = if json { format!("{}\n", report.json) } else { report.text.clone() };
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(report.passed),
    }
}
