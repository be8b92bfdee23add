//! `simclr-eval report`: the outcomes of several runs, or of a run's shards, in one table.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use simclr_eval::{Outcome, Score, table};

#[derive(Args)]
#[command(after_help = "Examples:
  simclr-eval report runs/mine
  simclr-eval report runs/mine runs/other s3://bucket/runs/third
  simclr-eval report runs/*/scores.json --json")]
pub(crate) struct Report {
    /// Folders or s3://bucket/prefix places that runs wrote to, or scores.json files
    #[arg(required = true)]
    runs: Vec<String>,
    /// Print the scores as a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut scores: Vec<Score> = Vec::new();
        for run in &self.runs {
            if Path::new(run).is_file() {
                scores.extend(simclr_eval::Report::load(Path::new(run))?.scores);
                continue;
            }
            let outcomes = Outcome::load_all(&super::storage(run)?)?;
            anyhow::ensure!(!outcomes.is_empty(), "{run}: no evaluation below it is finished");
            scores.extend(outcomes.into_iter().flat_map(|(_, outcome)| outcome.scores));
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&scores)?);
        } else {
            print!("{}", table(&scores));
        }
        Ok(ExitCode::SUCCESS)
    }
}
