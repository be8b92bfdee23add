//! `simclr-eval compare`: is one encoder better than another, dataset by dataset?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use simclr_eval::compare::{Comparison, PERMUTATIONS, SIGNIFICANT, compare, comparison_table};
use simclr_eval::{Outcome, Storage};

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
        let (name_a, of_a) = outcomes(&self.a)?;
        let (name_b, of_b) = outcomes(&self.b)?;
        let mut rows: Vec<Comparison> = Vec::new();
        for (folder_a, a) in &of_a {
            let Some((folder_b, b)) = of_b.iter().find(|(_, b)| b.dataset == a.dataset) else {
                eprintln!("{} is in {} only and is left out", a.dataset, self.a.display());
                continue;
            };
            let kept =
                |folder| anyhow::Ok((Outcome::load_predictions(folder)?, Outcome::load_samples(folder)?));
            let (in_a, in_b) = (kept(folder_a)?, kept(folder_b)?);
            rows.push(compare((a, &in_a.0, &in_a.1), (b, &in_b.0, &in_b.1), self.seed)?);
        }
        for (_, b) in of_b.iter().filter(|(_, b)| of_a.iter().all(|(_, a)| a.dataset != b.dataset)) {
            eprintln!("{} is in {} only and is left out", b.dataset, self.b.display());
        }
        anyhow::ensure!(!rows.is_empty(), "the two folders have no dataset in common");
        if self.json {
            let (a, b, seed) = (name_a, name_b, self.seed);
            let record = serde_json::json!({
                "a": a, "b": b, "seed": seed, "permutations": PERMUTATIONS, "significant": SIGNIFICANT,
                "comparisons": rows,
            });
            println!("{}", serde_json::to_string_pretty(&record)?);
        } else {
            print!("{}", comparison_table((&name_a, &name_b), &rows));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The one encoder's name and its outcomes below a folder.
fn outcomes(folder: &Path) -> anyhow::Result<(String, Vec<(Storage, Outcome)>)> {
    let all = Outcome::load_all(&Storage::folder(folder)).with_context(|| folder.display().to_string())?;
    let Some((_, first)) = all.first() else {
        anyhow::bail!("{}: there is no finished outcome below it", folder.display());
    };
    let name = first.encoder.clone();
    if let Some((_, other)) = all.iter().find(|(_, outcome)| outcome.encoder != name) {
        let (folder, other) = (folder.display(), &other.encoder);
        anyhow::bail!("{folder}: holds outcomes of {name} and of {other}; name the folder of one encoder");
    }
    Ok((name, all))
}
