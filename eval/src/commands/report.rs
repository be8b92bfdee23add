//! `simclr-eval report`: several runs in one table.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use simclr_eval::{Score, table};

#[derive(Args)]
#[command(after_help = "Examples:
  simclr-eval report runs/mine/scores.json runs/other/scores.json
  simclr-eval report runs/*/scores.json --json")]
pub(crate) struct Report {
    /// scores.json files, or the folders that hold them
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Print the scores as a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut scores: Vec<Score> = Vec::new();
        for run in &self.runs {
            let path = if run.is_dir() { run.join("scores.json") } else { run.clone() };
            scores.extend(simclr_eval::Report::load(&path)?.scores);
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&scores)?);
        } else {
            print!("{}", table(&scores));
        }
        Ok(ExitCode::SUCCESS)
    }
}
