//! Ablations: a [`Grid`] of runs, each pretrained, exported and judged like any other, then a table beside the paper's.
//!
//! Everything lies below one folder: `cells/<name>` holds a run, its artefact and `scores.json`; `report.md` and
//! `heat-map.svg` are written again after every cell. A cell that has scores is never run again, so a grid that was
//! stopped goes on where it was.

mod grid;
mod heat_map;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use simclr_datasets::Dataset;
use simclr_eval::{Cache, EncoderSpec, Options, Score, Source, evaluate};
use tch::Device;

pub use grid::{Axis, Cell, Choice, Grid, Published};

use crate::checkpoint::Checkpoint;
use crate::export::Output;
use crate::pictures::Pictures;
use crate::progress::Line;
use crate::run_folder::{RunFolder, write_whole};
use crate::{Ending, Limits, TrainError, export, pretrain};

/// What a grid's cells learn from, and where.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// Learned from and judged on.
    pub dataset: &'a Dataset,
    /// Its training split.
    pub pictures: &'a Pictures,
    /// Trains.
    pub device: Device,
    /// Threads that judge.
    pub threads: usize,
    /// Everything is written below it.
    pub folder: &'a Path,
}

/// Runs every cell that has no scores yet; `watch` is told of each cell's lines.
///
/// # Errors
/// When a cell cannot be trained or judged, or its folder holds another recipe's run.
pub fn ablate(
    grid: &Grid,
    bench: &Bench<'_>,
    limits: Limits<'_>,
    watch: &mut dyn FnMut(&Cell, &Line),
) -> Result<Ending, TrainError> {
    for cell in &grid.cells {
        let folder = bench.folder.join("cells").join(&cell.name);
        if !scores_path(&folder).exists() {
            if let paused @ Ending::Paused { .. } = train(cell, &folder, bench, limits, watch)? {
                return Ok(paused);
            }
            judge(cell, &folder, bench)?;
        }
        report(grid, bench.folder)?;
    }
    Ok(Ending::Finished)
}

fn train(
    cell: &Cell,
    folder: &Path,
    bench: &Bench<'_>,
    limits: Limits<'_>,
    watch: &mut dyn FnMut(&Cell, &Line),
) -> Result<Ending, TrainError> {
    let checkpoint = RunFolder::new(folder).newest_or(Checkpoint::start(&cell.text)?)?;
    pretrain(checkpoint, bench.pictures, None, bench.device, folder, limits, &mut |line| watch(cell, line))
}

/// Exports the cell's encoder and keeps what the evaluation protocol says of it.
fn judge(cell: &Cell, folder: &Path, bench: &Bench<'_>) -> Result<(), TrainError> {
    let artefact = folder.join("artefact");
    if artefact.exists() {
        fs::remove_dir_all(&artefact).map_err(TrainError::io(&artefact))?;
    }
    let checkpoint = RunFolder::new(folder).newest()?.checkpoint;
    export::export(&checkpoint, &artefact, Output::Embedding, &bench.dataset.name, "for comparison only")?;
    let mut source = Source::open(&EncoderSpec::Artefact(artefact), None, bench.threads)?;
    let scores =
        evaluate(&mut source, bench.dataset, &Options::default(), &Cache::off(), &mut ())?.outcome.scores;
    let text = serde_json::to_string_pretty(&scores)
        .map_err(|error| TrainError::Recipe(format!("{}: {error}", cell.name)))?;
    let path = scores_path(folder);
    write_whole(&path, text.as_bytes()).map_err(TrainError::io(path))
}

/// Writes the table and the heat map of the cells that have scores.
fn report(grid: &Grid, folder: &Path) -> Result<(), TrainError> {
    let scores = grid
        .cells
        .iter()
        .map(|cell| scores_of(&folder.join("cells").join(&cell.name)))
        .collect::<Result<Vec<Vec<Score>>, TrainError>>()?;
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(TrainError::io(path))
    };
    write("report.md", table::table(grid, &scores))?;
    write("heat-map.svg", heat_map::heat_map(grid, &scores))
}

fn scores_path(folder: &Path) -> PathBuf {
    folder.join("scores.json")
}

/// A cell's scores; none while it has not been judged.
fn scores_of(folder: &Path) -> Result<Vec<Score>, TrainError> {
    let path = scores_path(folder);
    if !path.exists() {
        return Ok(vec![]);
    }
    let text = fs::read_to_string(&path).map_err(TrainError::io(&path))?;
    serde_json::from_str(&text).map_err(|error| TrainError::Checkpoint {
        path,
        reason: format!("{error}; remove it to judge again"),
    })
}

/// The first score whose method begins so, in percent.
fn percent(scores: &[Score], method: &str) -> Option<f64> {
    scores.iter().find(|score| score.method.starts_with(method)).map(|score| score.value)
}
