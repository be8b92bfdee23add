//! `simclr-models embed`: pictures in, one `.npy` file out, a row a picture in the order given.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde_json::json;
use simclr_models::{Artefact, Embedding, Encoder, ImageBatch, Limits, OnnxEncoder, Picture, npy};

use crate::{Embed, Report};

pub(crate) fn run(arguments: &Embed) -> anyhow::Result<Report> {
    let Embed { artefact, pictures, output, normalise, threads, batch } = arguments;
    let artefact = super::open(artefact)?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let mut encoder = OnnxEncoder::open(&artefact, threads.unwrap_or_else(cores))?;
    let begun = Instant::now();
    let mut progress = Progress::new(pictures.len());
    let mut file = Rows::create(output, pictures.len(), artefact.embedding_len())?;
    for paths in pictures.chunks(usize::from(*batch)) {
        for embedding in encoder.embed(&load(paths, &artefact)?)? {
            file.write(&if *normalise { embedding.normalised() } else { embedding })?;
        }
        progress.advance(paths.len());
    }
    file.finish()?;
    progress.finish();
    let (rows, columns, seconds) = (pictures.len(), artefact.embedding_len(), begun.elapsed().as_secs_f64());
    Ok(Report {
        text: format!("{}: {rows} rows of {columns}, in {seconds:.1} s\n", output.display()),
        json: json!({ "output": output, "rows": rows, "columns": columns, "seconds": seconds,
                      "artefact": artefact.name(), "space_key": artefact.space_key() }),
        passed: true,
    })
}

pub(super) fn load(paths: &[PathBuf], artefact: &Artefact) -> anyhow::Result<ImageBatch> {
    let recipe = artefact.recipe();
    let prepare = |path: &PathBuf| {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        let picture =
            Picture::decode(&bytes, &Limits::default()).with_context(|| path.display().to_string())?;
        Ok(recipe.prepare(&picture))
    };
    let prepared = paths.par_iter().map(prepare).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(ImageBatch::from_prepared(recipe.side as usize, prepared))
}

/// The output, written beside its place and moved there when complete, so that a failed run leaves an older file alone.
struct Rows {
    file: BufWriter<File>,
    beside: PathBuf,
    output: PathBuf,
}

impl Rows {
    fn create(output: &Path, rows: usize, columns: usize) -> anyhow::Result<Self> {
        let beside = output.with_added_extension(format!("{}.tmp", std::process::id()));
        let file = File::create(&beside).with_context(|| beside.display().to_string())?;
        let mut rows_file = Self { file: BufWriter::new(file), beside, output: output.to_path_buf() };
        rows_file.file.write_all(&npy::header(rows, columns))?;
        Ok(rows_file)
    }

    fn write(&mut self, embedding: &Embedding) -> io::Result<()> {
        embedding.as_slice().iter().try_for_each(|x| self.file.write_all(&x.to_le_bytes()))
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        fs::rename(&self.beside, &self.output).with_context(|| self.output.display().to_string())
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // After `finish` there is nothing to remove.
        let _ = fs::remove_file(&self.beside);
    }
}

/// A bar on a terminal; elsewhere a JSON line now and then, on stderr.
struct Progress {
    bar: Option<ProgressBar>,
    done: usize,
    total: usize,
    told: Instant,
}

impl Progress {
    const EVERY: Duration = Duration::from_secs(2);

    fn new(total: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} pictures, {per_sec}, {eta} left");
        let bar = io::stderr().is_terminal().then(|| {
            ProgressBar::new(total as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, done: 0, total, told: Instant::now() }
    }

    fn advance(&mut self, pictures: usize) {
        self.done += pictures;
        match &self.bar {
            Some(bar) => bar.inc(pictures as u64),
            None if self.told.elapsed() >= Self::EVERY => {
                eprintln!("{}", json!({ "done": self.done, "total": self.total }));
                self.told = Instant::now();
            }
            None => {}
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
