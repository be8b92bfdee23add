//! `simclr-eval run`: every encoder on every dataset; scores, report, probes. What is finished is not done again.

mod plan;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use simclr_datasets::OpenOptions;
use simclr_eval::leaks::Leaks;
use simclr_eval::run::{Plan, Setting, find, run};
use simclr_eval::{Cache, Options, Shard};

use super::{DatasetArgument, encoders, like, threads};
use crate::progress::Progress;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    Knn,
    Linear,
}

#[derive(Args)]
#[command(after_help = "Examples:
  simclr-eval run --encoder models/artefacts/mine --dataset cifar10=data/cifar10
  simclr-eval run --encoder models/artefacts/mine,random,pixels --dataset folder=my/pictures --out runs/mine
  simclr-eval run --encoder models/artefacts/mine --datasets all --data data --partial
  simclr-eval run --encoder a,b --datasets cifar10,pets --data data --shard 0/4 --out s3://bucket/runs/mine

Encoders are artefact folders, TOML files that describe foreign ONNX files, `random` (the same network, random weights)
and `pixels` (no network at all). Below --out, <encoder>/<dataset>/ holds outcome.json, predictions.safetensors and
samples.txt; the encoder's probes lie in <encoder>/classifiers/, which simclr-serve --classifiers loads.

A run that was stopped, even by kill -9, goes on when the same command is given again. Shards are numbered from 0; when
all are done, simclr-eval report <out> shows them together.")]
pub(crate) struct Run {
    /// Artefact folder, foreign TOML, `random[:depth=…,width=…,stem=…,seed=…]` or `pixels`; commas or repetition for several
    #[arg(long, required = true)]
    encoder: Vec<String>,
    /// Dataset as name=folder, or folder:alias=folder for folders of your own; repeat for several
    #[arg(long, required_unless_present = "datasets")]
    dataset: Vec<DatasetArgument>,
    /// Names of datasets to look for below --data, or `all`
    #[arg(long, value_delimiter = ',', requires = "data")]
    datasets: Vec<String>,
    /// Folder whose folders are named after datasets
    #[arg(long, requires = "datasets")]
    data: Option<PathBuf>,
    /// Use datasets that lack pictures; every figure says how many of how many
    #[arg(long)]
    partial: bool,
    /// A leaks.json of `simclr-eval leaks`: test pictures found among training pictures are not judged on
    #[arg(long)]
    exclude_leaks: Option<PathBuf>,
    /// Methods to judge by
    #[arg(long, value_enum, value_delimiter = ',', default_value = "knn,linear")]
    method: Vec<Method>,
    /// Artefact whose recipe and network the baselines take; the first artefact judged, unless given
    #[arg(long)]
    like: Option<PathBuf>,
    /// Folder or s3://bucket/prefix for the report and everything measured
    #[arg(long, default_value = "runs/eval")]
    out: String,
    /// Folder or s3://bucket/prefix for features and finished stages; <out>/cache, unless given; may be deleted
    #[arg(long)]
    cache: Option<String>,
    /// Do a part of the evaluations: shard i of n, counted from 0
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Show the plan and stop
    #[arg(long)]
    plan_only: bool,
    /// Seed of the samples set aside
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Neighbours that vote, one number after another; all of them, where there are fewer
    #[arg(long, value_delimiter = ',', default_value = "200,100,20,10", value_parser = clap::value_parser!(u32).range(1..))]
    neighbours: Vec<u32>,
    /// Temperatures of the neighbours' weighted vote
    #[arg(long, value_delimiter = ',', default_value = "0.1,0.07")]
    temperature: Vec<f64>,
    /// Fit probes on so few pictures of each class besides, as in 1,5,10
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    few_shot: Vec<u32>,
    /// Draws of so few pictures; the mean's interval is over them
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    draws: u32,
    /// Share of a split's pictures that may be unreadable; so many are named and left out
    #[arg(long, default_value_t = 0.01)]
    broken_max: f64,
    /// Threads of the encoder; all cores, unless given
    #[arg(long)]
    threads: Option<usize>,
    /// Copy the probes into the artefact, where the server finds them
    #[arg(long)]
    install_probe: bool,
    /// Record the scores in the artefact's card
    #[arg(long)]
    write_card: bool,
    /// Print the plan and the scores as JSON instead of tables
    #[arg(long)]
    json: bool,
}

impl Run {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let setting = self.setting()?;
        let plan = Plan::make(&setting, self.shard)?;
        plan::tell(&plan, &setting, self.json);
        if self.plan_only {
            return Ok(ExitCode::SUCCESS);
        }
        ctrlc::set_handler(|| {
            eprintln!("stopped; the same command goes on from here");
            std::process::exit(130);
        })?;
        let mut progress = Progress::new();
        run(&setting, &plan, &mut progress)?;
        if self.shard.is_none() {
            self.report(&setting, &plan)?;
        } else {
            println!(
                "written: {}; when every shard is done: simclr-eval report {}",
                setting.out, setting.out
            );
        }
        progress.failures.iter().for_each(|failure| eprintln!("failed: {failure}"));
        Ok(if progress.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn setting(&self) -> anyhow::Result<Setting> {
        let wrong = self.temperature.iter().find(|t| t.is_nan() || **t <= 0.0);
        anyhow::ensure!(wrong.is_none(), "--temperature must be above 0, not {}", wrong.unwrap_or(&0.0));
        let is_share = (0.0..1.0).contains(&self.broken_max);
        anyhow::ensure!(is_share, "--broken-max must be 0 or more and below 1, not {}", self.broken_max);
        let specs = encoders(&self.encoder)?;
        let like = like(self.like.as_deref(), &specs)?;
        let how = OpenOptions { partial: self.partial };
        let open = |argument: &DatasetArgument| argument.open_with(&how);
        let mut datasets = self.dataset.iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(data) = &self.data {
            let found = find(data, &self.datasets, &how)?;
            for (name, problem) in found.left_out {
                eprintln!("plan: {name}: left out: {problem}");
            }
            let is_any = !found.datasets.is_empty();
            anyhow::ensure!(is_any, "no dataset below {} can be used", data.display());
            datasets.extend(found.datasets);
        }
        if let Some(path) = &self.exclude_leaks {
            let leaks = Leaks::load(path)?;
            for dataset in &mut datasets {
                let count = leaks.exclude(dataset)?;
                eprintln!("plan: {}: {count} test pictures left out as leaked", dataset.name);
            }
        }
        let mut names: Vec<&str> = datasets.iter().map(|dataset| dataset.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            anyhow::bail!("two datasets are called {}; give folders names, as in folder:mine=path", twice[0]);
        }
        let options = Options {
            with_knn: self.method.contains(&Method::Knn),
            with_linear: self.method.contains(&Method::Linear),
            seed: self.seed,
            neighbours: self.neighbours.iter().map(|k| *k as usize).collect(),
            temperatures: self.temperature.clone(),
            shots: self.few_shot.iter().map(|n| *n as usize).collect(),
            draws: self.draws as usize,
            broken_max: self.broken_max,
            ..Options::default()
        };
        let out = super::storage(&self.out)?;
        let cache = match &self.cache {
            Some(place) => super::storage(place)?,
            None => out.under("cache"),
        };
        let threads = threads(self.threads);
        Ok(Setting { specs, like, datasets, options, out, cache: Cache::at(cache), threads })
    }
}
