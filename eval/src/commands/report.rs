//! `simclr-eval report`: the outcomes of several runs and shards as one table, file or page.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use simclr_eval::report::{Document, FineTuned, Pictures, gather, html, markdown};

use super::{DatasetArgument, storage};

#[derive(Args)]
#[command(after_help = "Examples:
  simclr-eval report runs/mine
  simclr-eval report runs/shard-* --html report.html --pictures cifar10=data/cifar10
  simclr-eval report runs/mine --fine-tuned runs/tuned-1 --fine-tuned runs/tuned-10
  simclr-eval report runs/mine s3://bucket/runs/third --json > report.json

Every outcome.json in the folders or below counts; a pair of encoder and dataset that is in several must be the same in all.
The page is one file that fetches nothing. The same outcomes give the same bytes.")]
pub(crate) struct Report {
    /// Folders or s3://bucket/prefix places that runs wrote to
    #[arg(required = true)]
    runs: Vec<String>,
    /// Write one self-contained page
    #[arg(long)]
    html: Option<PathBuf>,
    /// Write Markdown, which is printed unless this, --html or --json is given
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Show pictures of this dataset in the page, as name=folder; repeat for several
    #[arg(long)]
    pictures: Vec<DatasetArgument>,
    /// Tell what a fine-tuning came to: the folder of a `simclr-train finetune`; repeat for several
    #[arg(long)]
    fine_tuned: Vec<String>,
    /// Print JSON; docs/report.schema.json describes it
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let places = self.runs.iter().map(|run| storage(run)).collect::<anyhow::Result<Vec<_>>>()?;
        let results = gather(&places)?;
        let fine_tuned = self.fine_tuned.iter().map(|folder| Ok(FineTuned::load(&storage(folder)?)?));
        let fine_tuned = fine_tuned.collect::<anyhow::Result<Vec<_>>>()?;
        let document = Document::of(&results).with_fine_tuned(fine_tuned);
        if let Some(path) = &self.html {
            let datasets =
                self.pictures.iter().map(DatasetArgument::open).collect::<anyhow::Result<Vec<_>>>()?;
            write(path, &html(&document, &results, &Pictures::of(&datasets)))?;
        }
        if let Some(path) = &self.markdown {
            write(path, &markdown(&document))?;
        }
        if self.json {
            print!("{}", document.json()?);
        } else if self.html.is_none() && self.markdown.is_none() {
            print!("{}", markdown(&document));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())?;
    eprintln!("written: {}", path.display());
    Ok(())
}
