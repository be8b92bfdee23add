//! Wiring: what was typed → a checked configuration → a running server → a signal → a stop in order.

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use commands::evaluate::{self, EvaluateArgs};
use commands::exchange::{self, ExportArgs, ImportArgs};
use commands::index::{self, IndexArgs};
use commands::logging;
use commands::reembed::{self, ReembedArgs};
use commands::verify::{self, VerifyArgs};
use simclr_serve::{App, Config, RawConfig, Running, Stopped, share_arenas, start};
use tokio::runtime::Runtime;

const EXAMPLES: &str = "\
Examples:
  simclr-serve --model models/artefacts/simclr-cifar10-resnet18 --data-dir data
  simclr-serve --config serve.toml --listen 127.0.0.1:0
  SIMCLR_MODEL=encoder SIMCLR_DATA_DIR=data simclr-serve --classifiers probes

  simclr-serve --models-dir encoders --data-dir data --listen 0.0.0.0:8080 --api-keys keys.txt
  simclr-serve --config serve.toml --check
  simclr-serve --models-dir encoders --data-dir data --evaluation-data datasets
  simclr-serve verify --data-dir data
  simclr-serve export cats cats.parquet --data-dir data
  simclr-serve index photos ~/Pictures --model models/artefacts/simclr-cifar10-resnet18 --data-dir data
  simclr-serve reembed photos --model models/artefacts/simclr-cifar10-resnet18-w025 --data-dir data

  curl --data-binary @cat.jpg http://127.0.0.1:8080/v1/embed

Every flag is also an environment variable, shown beside it, and a key of the same name in the --config file.
Prints its address when ready; Ctrl-C or SIGTERM stops it once the requests in flight are answered, or refused when
--drain-deadline-ms is near.";

/// Serves an encoder over HTTP: embeddings, similarity search, classification
#[derive(Parser)]
#[command(name = "simclr-serve", version, after_help = EXAMPLES)]
struct Cli {
    /// TOML file with any of the options below
    #[arg(long, env = "SIMCLR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// What goes to the log: error, warn, info, debug, or a filter such as simclr_serve=debug
    #[arg(long, env = "SIMCLR_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
    /// Send traces to a collector by OTLP over HTTP, such as http://localhost:4318; built with the feature `otel`
    #[arg(long, env = "SIMCLR_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// Check the configuration and everything it names, say all that is wrong, and exit without serving
    #[arg(long)]
    check: bool,
    /// Write the log and the ready line as JSON, on a terminal too
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: RawConfig,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What else it does, without serving.
#[derive(Subcommand)]
enum Command {
    Index(IndexArgs),
    Verify(VerifyArgs),
    Export(ExportArgs),
    #[command(visible_alias = "restore")]
    Import(ImportArgs),
    Reembed(ReembedArgs),
    #[command(hide = true)]
    Evaluate(EvaluateArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("simclr-serve: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(Command::Evaluate(arguments)) = &cli.command {
        // Before the log, which may have threads: this process lowers its priority first.
        return evaluate::run(arguments);
    }
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        share_arenas();
    }
    // Held until the server has stopped, so that the last traces are sent.
    let _traces = logging::start(&cli.log, cli.json, cli.otlp_endpoint.as_deref())?;
    let raw = match &cli.config {
        Some(path) => cli.options.or(RawConfig::from_file(path)?),
        None => cli.options,
    };
    match &cli.command {
        Some(Command::Index(arguments)) => return index::run(arguments, raw),
        Some(Command::Reembed(arguments)) => return reembed::run(arguments, raw),
        Some(Command::Verify(arguments)) => return verify::run(arguments, raw.store_limits()?),
        Some(Command::Export(arguments)) => return exchange::export(arguments, raw.store_limits()?),
        Some(Command::Import(arguments)) => return exchange::import(arguments, raw.store_limits()?),
        Some(Command::Evaluate(_)) | None => {}
    }
    if cli.check {
        return Ok(check(raw));
    }
    let mut config = Config::check(raw)?;
    config.program = std::env::current_exe().ok();
    if !config.listen.ip().is_loopback() && config.api_keys.is_none() {
        tracing::warn!(listen = %config.listen, "listening without keys: whoever reaches it may do everything");
    }
    let runtime = Runtime::new().context("starting the runtime")?;
    let stopped = runtime.block_on(serve_until_told(config, cli.json));
    // Requests past the deadline must not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    stopped
}

/// Says everything that is wrong with the configuration and with what it names.
fn check(raw: RawConfig) -> ExitCode {
    let (config, mistakes) = Config::read(raw);
    let found = App::check(&config);
    let problems: Vec<String> =
        mistakes.iter().map(ToString::to_string).chain(found.iter().map(ToString::to_string)).collect();
    for problem in &problems {
        eprintln!("simclr-serve: {problem}");
    }
    if problems.is_empty() {
        println!("the configuration is sound");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

async fn serve_until_told(config: Config, json: bool) -> anyhow::Result<ExitCode> {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let running: Running = start(config).await?;
    // Before anybody is told that it is ready, and may stop it.
    let told = signal().context("waiting for a signal")?;
    if json {
        println!("{{\"ready\":\"{scheme}://{}\"}}", running.address);
    } else {
        println!("simclr-serve is ready on {scheme}://{}", running.address);
    }
    told.await;
    let again = signal().context("waiting for a signal")?;
    tracing::info!("stopping: answering the requests in flight; a second signal ends at once");
    tokio::select! {
        stopped = running.stop() => match stopped {
            Stopped::Drained => Ok(ExitCode::SUCCESS),
            Stopped::DeadlinePassed => {
                tracing::warn!("connections were cut whose clients did not take their answers in time");
                Ok(ExitCode::SUCCESS)
            }
        },
        () = again => anyhow::bail!("a second signal came"),
    }
}

/// Ctrl-C, or SIGTERM where there is one, from now on: one that comes before the answer is awaited is not lost.
fn signal() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Where it cannot be waited for, nothing is told.
        let _ = tokio::signal::ctrl_c().await;
    })
}
