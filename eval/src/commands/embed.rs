//! `simclr-eval embed`: a dataset's embeddings and labels for other programs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use simclr_datasets::Split;
use simclr_eval::{Source, Watch, extract, npy};
use simclr_models::Limits;

use super::{DatasetArgument, encoders, like, threads};
use crate::progress::Progress;

#[derive(Args)]
#[command(after_help = "Example:
  simclr-eval embed --encoder models/artefacts/mine --dataset cifar10=data/cifar10 --out runs/features
writes train.npy (one row a picture), train-labels.npy, test.npy, test-labels.npy and classes.json.")]
pub(crate) struct Embed {
    /// Artefact folder, `random:…` or `pixels`
    #[arg(long)]
    encoder: String,
    /// Dataset as name=folder
    #[arg(long)]
    dataset: DatasetArgument,
    /// Only this split: train, validation or test
    #[arg(long)]
    split: Option<Split>,
    /// Artefact whose recipe and network a baseline takes
    #[arg(long)]
    like: Option<PathBuf>,
    /// Folder for the files
    #[arg(long)]
    out: PathBuf,
    /// Threads of the encoder; all cores, unless given
    #[arg(long)]
    threads: Option<usize>,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

impl Embed {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let specs = encoders(std::slice::from_ref(&self.encoder))?;
        anyhow::ensure!(specs.len() == 1, "name one encoder");
        let like = like(self.like.as_deref(), &specs)?;
        let dataset = self.dataset.open()?;
        let mut source = Source::open(&specs[0], like.as_ref(), threads(self.threads))?;
        std::fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let mut progress = Progress::new();
        progress.about(format!("{} on {}", source.name, dataset.name));
        let mut written = serde_json::Map::new();
        for split in Split::ALL.into_iter().filter(|s| self.split.is_none_or(|only| only == *s)) {
            let Some(samples) = dataset.split(split) else {
                continue;
            };
            progress.begin(&split.to_string(), samples.len());
            let limits = Limits::default();
            let features = extract(&mut source.encoders, &source.recipe, samples, &limits, &mut |n| {
                progress.done(n);
            })?;
            write(&self.out.join(format!("{split}.npy")), |to| {
                npy::write_f32(to, features.embedding_len, &features.embeddings)
            })?;
            let labels = features.labels.classes()?;
            write(&self.out.join(format!("{split}-labels.npy")), |to| npy::write_labels(to, labels))?;
            written.insert(split.to_string(), serde_json::json!([features.len(), features.embedding_len]));
        }
        progress.finish();
        anyhow::ensure!(!written.is_empty(), "{} has no such split", dataset.name);
        write(&self.out.join("classes.json"), |to| Ok(serde_json::to_writer_pretty(to, &dataset.classes)?))?;
        let summary = serde_json::json!({
            "out": self.out, "encoder": source.name, "space_key": source.space_key, "splits": written,
        });
        if self.json {
            println!("{summary}");
        } else {
            written.iter().for_each(|(split, shape)| println!("{split}: {shape} in {}", self.out.display()));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> anyhow::Result<()> {
    let mut to = BufWriter::new(File::create(path).with_context(|| path.display().to_string())?);
    fill(&mut to).and_then(|()| to.flush()).with_context(|| path.display().to_string())
}
