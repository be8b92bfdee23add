//! `simclr-eval compare`: is one encoder better than another, dataset by dataset?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use simclr_eval::Storage;
use simclr_eval::compare::{compare_places, comparison_table};

#[derive(Args)]
#[command(after_help = "Examples:
  simclr-eval run --encoder models/artefacts/mine,pixels --dataset cifar10=data/cifar10 --out runs/eval
  simclr-eval compare runs/eval/mine runs/eval/pixels
  simclr-eval compare runs/eval/mine runs/eval/pixels --json

Linear probes are compared on the same test pictures: the paper's permutation test (predictions swapped picture by picture,
100,000 times) and, for one class a picture, McNemar's exact test of top-1. Bold is the best, and what is not significantly
worse (p > 0.05). Where pictures show several classes, the test is of accuracy, not of the mean average precision. What
differs from one training run to the next is in no p-value.")]
pub(crate) struct Compare {
    /// Folder with the first encoder's outcomes: <out>/<encoder> of a run
    a: PathBuf,
    /// Folder with the second's
    b: PathBuf,
    /// Seed of the permutations
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the comparisons as JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Compare {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let found = compare_places(&Storage::folder(&self.a), &Storage::folder(&self.b), self.seed)?;
        for (dataset, name) in &found.left_out {
            eprintln!("{dataset} is in the outcomes of {name} only and is left out");
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&found)?);
        } else {
            print!("{}", comparison_table((&found.a, &found.b), &found.comparisons));
        }
        Ok(ExitCode::SUCCESS)
    }
}
