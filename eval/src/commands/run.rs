//! `simclr-eval run`: every encoder on every dataset; scores, report, probes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use simclr_datasets::{Dataset, Split};
use simclr_eval::{
    EncoderSpec, Evaluation, Options, Outcome, Parts, Report, Source, Storage, evaluate, table,
};
use simclr_models::{Artefact, CardScore};

use super::{DatasetArgument, encoders, like, threads, typed_command};
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
  simclr-eval run --encoder random:depth=18,width=0.25,stem=small-picture,seed=0 --dataset cifar10=data/cifar10

Encoders are artefact folders, `random` (the same network, random weights) and `pixels` (no network at all).
Below --out, <encoder>/<dataset>/ holds outcome.json, predictions.safetensors and samples.txt; the encoder's probes lie in
<encoder>/classifiers/, which simclr-serve --classifiers loads.")]
pub(crate) struct Run {
    /// Artefact folder, `random[:depth=…,width=…,stem=…,seed=…]` or `pixels`; commas or repetition for several
    #[arg(long, required = true)]
    encoder: Vec<String>,
    /// Dataset as name=folder; repeat for several
    #[arg(long, required = true)]
    dataset: Vec<DatasetArgument>,
    /// Methods to judge by
    #[arg(long, value_enum, value_delimiter = ',', default_value = "knn,linear")]
    method: Vec<Method>,
    /// Artefact whose recipe and network the baselines take; the first artefact judged, unless given
    #[arg(long)]
    like: Option<PathBuf>,
    /// Folder for the report and everything measured
    #[arg(long, default_value = "runs/eval")]
    out: PathBuf,
    /// Seed of the samples set aside
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Neighbours that vote; all of them, where there are fewer
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    neighbours: u32,
    /// Temperature of the neighbours' weighted vote
    #[arg(long, default_value_t = 0.1)]
    temperature: f64,
    /// Threads of the encoder; all cores, unless given
    #[arg(long)]
    threads: Option<usize>,
    /// Copy the probes into the artefact, where the server finds them
    #[arg(long)]
    install_probe: bool,
    /// Record the scores in the artefact's card
    #[arg(long)]
    write_card: bool,
    /// Print the scores as JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Run {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(self.temperature > 0.0, "--temperature must be above 0, not {}", self.temperature);
        let specs = encoders(&self.encoder)?;
        let like = like(self.like.as_deref(), &specs)?;
        let datasets = self.dataset.iter().map(DatasetArgument::open).collect::<anyhow::Result<Vec<_>>>()?;
        let options = Options {
            with_knn: self.method.contains(&Method::Knn),
            with_linear: self.method.contains(&Method::Linear),
            seed: self.seed,
            neighbours: self.neighbours as usize,
            temperature: self.temperature,
            ..Options::default()
        };
        let mut report = Report {
            command: typed_command(),
            program: concat!("simclr-eval ", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: self.seed,
            scores: Vec::new(),
            probes: Vec::new(),
        };
        print_plan(&specs, &datasets, &options)?;
        let mut progress = Progress::new();
        for spec in &specs {
            let mut source = Source::open(spec, like.as_ref(), threads(self.threads))?;
            for dataset in &datasets {
                progress.about(format!("{} on {}", source.name, dataset.name));
                let evaluation = evaluate(&mut source, dataset, &options, &mut progress)
                    .with_context(|| format!("{} on {}", source.name, dataset.name))?;
                evaluation.save(&Storage::folder(&self.out))?;
                self.keep(&mut source, evaluation, &mut report)?;
                // Saved after every pair: what was measured is not lost with what fails later.
                report.save(&self.out)?;
            }
        }
        progress.finish();
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", table(&report.scores));
            println!("written: {}", self.out.display());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Records what one pair gave: the artefact's copy of the probe, the card, the report.
    fn keep(&self, source: &mut Source, evaluation: Evaluation, report: &mut Report) -> anyhow::Result<()> {
        let Outcome { scores, probe: record, dataset, .. } = evaluation.outcome;
        if let (Some(artefact), Some(probe), true) = (&source.artefact, &evaluation.probe, self.install_probe)
        {
            probe.save(&artefact.probes_folder().join(format!("{dataset}.safetensors")))?;
        }
        report.probes.extend(record);
        if let (Some(artefact), true) = (&mut source.artefact, self.write_card) {
            let score = |s: &simclr_eval::Score| CardScore {
                data: s.data.clone(),
                split: s.split.clone(),
                metric: s.metric.clone(),
                method: s.method.clone(),
                value: s.value,
                command: report.command.clone(),
            };
            artefact.add_scores(scores.iter().map(score).collect())?;
        }
        report.scores.extend(scores);
        Ok(())
    }
}

fn print_plan(specs: &[EncoderSpec], datasets: &[Dataset], options: &Options) -> anyhow::Result<()> {
    for dataset in datasets {
        let parts = Parts::of(dataset, options.seed)?;
        let (classes, ignored) = (dataset.classes.len(), dataset.ignored);
        let (train, validation, test) = (parts.train.len(), parts.validation.len(), parts.test.len());
        let name = &dataset.name;
        eprintln!(
            "plan: {name}: {classes} classes; fit on {train}, penalty chosen on {validation}, judged on {test} ({})",
            parts.test_name
        );
        if ignored > 0 {
            eprintln!("plan: {name}: {ignored} files are no pictures by their extension and are left out");
        }
        if dataset.split(Split::Test).is_none() {
            eprintln!(
                "plan: {name}: there is no test split; its numbers compare encoders here, not with other reports"
            );
        }
    }
    let (pairs, names) = (specs.len() * datasets.len(), specs.len());
    eprintln!("plan: {names} encoders × {} datasets = {pairs} evaluations", datasets.len());
    for spec in specs {
        if let EncoderSpec::Artefact(folder) = spec {
            check_folder(folder)?;
        }
    }
    Ok(())
}

/// Opens the artefact now, so that a mistake in the last name is not found after an hour.
fn check_folder(folder: &Path) -> anyhow::Result<()> {
    Artefact::open(folder).with_context(|| format!("encoder {}", folder.display()))?;
    Ok(())
}
