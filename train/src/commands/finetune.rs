//! `simclr-train finetune`: labels, from a pretrained run or from random weights.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use simclr_train::finetune::{Plan, Start, finetune};

use super::{How, newest, show};

#[derive(Args)]
pub(super) struct Finetune {
    /// The fine-tuning; see train/finetune
    recipe: PathBuf,
    /// Folder of the pretrained run, or `random` for the same from random weights
    #[arg(long)]
    from: PathBuf,
    /// Use this share of every class's labels instead of the recipe's
    #[arg(long)]
    labels: Option<f64>,
    /// Folder of the runs, the report and the artefact; a fine-tuning that was stopped goes on
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    how: How,
}

impl Finetune {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(&self.recipe)
            .with_context(|| format!("reading {}", self.recipe.display()))?;
        let table: toml::Table = toml::from_str(&text)?;
        let name = table.get("data").and_then(|data| data.get("dataset")).and_then(toml::Value::as_str);
        let dataset = simclr_datasets::open(name.context("data.dataset is missing")?, &self.how.data)?;
        let start = if self.from == Path::new("random") {
            Start::Random
        } else {
            Start::Run(Box::new(newest(&self.from)?))
        };
        let plan = Plan::parse(&text, start, dataset.classes.len(), self.labels)?;
        let limits = self.how.limits()?;
        let device = self.how.machine.prepare()?;
        let mut show = show::Show::new(self.how.json);
        let outcome = finetune(&plan, &dataset, device, &self.out, limits, &mut |run, line| {
            show.one_of(run, line);
        })?;
        show.end();
        match outcome {
            None => eprintln!("paused; the same command goes on where it was"),
            Some(outcome) if self.how.json => println!("{}", serde_json::to_string(&outcome)?),
            Some(outcome) => println!("{}", outcome.page()),
        }
        Ok(())
    }
}
