//! Ablations: a [`Grid`] of runs, each pretrained, exported and judged like any other, then a table beside the paper's.
//!
//! Everything lies below one folder: `cells/<name>` holds a run, its recipe, its artefact and `scores.json`, or
//! `diverged.txt` where there is nothing to score; `report.md` and `heat-map.svg` are written again after every cell. A
//! cell that has scores or has diverged is never run again, so a grid that was stopped goes on where it was; cells of
//! another grid's recipes are refused. Cells of one recipe share the first's run.

mod grid;
mod heat_map;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use simclr_datasets::Dataset;
use simclr_eval::{Cache, EncoderSpec, Options, Score, Source, evaluate};
use simclr_models::Artefact;
use tch::Device;

pub use grid::{Axis, Cell, Choice, Grid, Published};

use crate::checkpoint::Checkpoint;
use crate::export::{About, Output};
use crate::pictures::Pictures;
use crate::progress::Line;
use crate::run_folder::{RunFolder, write_whole};
use crate::{Ending, Limits, TrainError, TrainRecipe, export, pretrain};

/// A cell's files: what it is a run of, its exported encoder, what that is worth, or why it is worth nothing.
const RECIPE: &str = "recipe.toml";
const ARTEFACT: &str = "artefact";
const SCORES: &str = "scores.json";
const DIVERGED: &str = "diverged.txt";

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

/// Runs every cell that has no scores yet; `watch` is told of each cell's lines. A cell that diverges has a dash in the
/// table, and the others go on.
///
/// # Errors
/// When a cell cannot be trained or judged, or its folder holds another recipe's run or scores.
pub fn ablate(
    grid: &Grid,
    bench: &Bench<'_>,
    limits: Limits<'_>,
    watch: &mut dyn FnMut(&Cell, &Line),
) -> Result<Ending, TrainError> {
    let folder_of = |cell: &Cell| bench.folder.join("cells").join(&cell.name);
    grid.cells.iter().try_for_each(|cell| refuse_another(cell, &folder_of(cell)))?;
    for cell in &grid.cells {
        let folder = folder_of(cell);
        if !folder.join(SCORES).exists() && !folder.join(DIVERGED).exists() {
            match train(cell, &folder, bench, limits, watch) {
                Ok(Ending::Finished) => (),
                Err(error) if error.is_divergence() => {
                    write(&folder.join(DIVERGED), &format!("{error}\n"))?;
                }
                paused_or_failed => return paused_or_failed,
            }
        }
        report(grid, bench.folder)?;
    }
    Ok(Ending::Finished)
}

/// Refuses a folder whose run or scores are of another recipe: they would stand in the table as this cell's.
fn refuse_another(cell: &Cell, folder: &Path) -> Result<(), TrainError> {
    let kept = match fs::read_to_string(folder.join(RECIPE)) {
        Ok(text) => Some(text),
        // Cells scored before recipes were kept have theirs in the artefact's card.
        Err(_) => {
            Artefact::open(&folder.join(ARTEFACT)).ok().map(|found| found.card().training.recipe.clone())
        }
    };
    let is_same = |text: &String| TrainRecipe::parse(text).is_ok_and(|recipe| recipe == cell.recipe);
    if kept.as_ref().is_none_or(is_same) {
        return Ok(());
    }
    let reason = "its run is of another recipe than the grid's cell; choose another --out, or remove the folder \
                  to run the cell again";
    Err(TrainError::Checkpoint { path: folder.to_owned(), reason: reason.into() })
}

/// Begins or continues a cell's run, and judges it at its end.
fn train(
    cell: &Cell,
    folder: &Path,
    bench: &Bench<'_>,
    limits: Limits<'_>,
    watch: &mut dyn FnMut(&Cell, &Line),
) -> Result<Ending, TrainError> {
    let checkpoint = RunFolder::new(folder).newest_or(Checkpoint::start(&cell.text)?)?;
    fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
    write(&folder.join(RECIPE), &cell.text)?;
    let mut watch = |line: &Line| watch(cell, line);
    let ending = pretrain(checkpoint, bench.pictures, None, bench.device, folder, limits, &mut watch)?;
    if ending == Ending::Finished {
        judge(cell, folder, bench)?;
    }
    Ok(ending)
}

/// Exports the cell's encoder and keeps what the evaluation protocol says of it.
fn judge(cell: &Cell, folder: &Path, bench: &Bench<'_>) -> Result<(), TrainError> {
    let artefact = folder.join(ARTEFACT);
    if artefact.exists() {
        fs::remove_dir_all(&artefact).map_err(TrainError::io(&artefact))?;
    }
    let checkpoint = RunFolder::new(folder).newest()?.checkpoint;
    let about = About { name: None, data: &bench.dataset.name, licence: "for comparison only" };
    export::export(&checkpoint, &artefact, Output::Embedding, about)?;
    let mut source = Source::open(&EncoderSpec::Artefact(artefact), None, bench.threads)?;
    let scores =
        evaluate(&mut source, bench.dataset, &Options::default(), &Cache::off(), &mut ())?.outcome.scores;
    let text = serde_json::to_string_pretty(&scores)
        .map_err(|error| TrainError::Recipe(format!("{}: {error}", cell.name)))?;
    write(&folder.join(SCORES), &text)
}

/// Writes the table and the heat map of the cells that have scores.
fn report(grid: &Grid, folder: &Path) -> Result<(), TrainError> {
    let folders: Vec<PathBuf> = grid.cells.iter().map(|cell| folder.join("cells").join(&cell.name)).collect();
    let scores = folders.iter().map(|folder| scores_of(folder)).collect::<Result<Vec<_>, TrainError>>()?;
    let diverged = grid.cells.iter().zip(&folders).filter_map(|(cell, folder)| {
        let reason = fs::read_to_string(folder.join(DIVERGED)).ok()?;
        Some((cell.name.as_str(), reason))
    });
    write(&folder.join("report.md"), &table::table(grid, &scores, &diverged.collect()))?;
    write(&folder.join("heat-map.svg"), &heat_map::heat_map(grid, &scores))
}

/// A cell's scores; none while it has not been judged.
fn scores_of(folder: &Path) -> Result<Vec<Score>, TrainError> {
    let path = folder.join(SCORES);
    if !path.exists() {
        return Ok(vec![]);
    }
    let text = fs::read_to_string(&path).map_err(TrainError::io(&path))?;
    serde_json::from_str(&text).map_err(|error| TrainError::Checkpoint {
        path,
        reason: format!("{error}; remove it to judge again"),
    })
}

fn write(path: &Path, text: &str) -> Result<(), TrainError> {
    write_whole(path, text.as_bytes()).map_err(TrainError::io(path))
}

/// What the scores are: the dataset's own metric, such as `top-1`.
fn metric(scores: &[Vec<Score>]) -> &str {
    scores.iter().flatten().next().map_or("top-1", |score| &score.metric)
}

/// The first score whose method begins so, in percent: by the dataset's own metric.
fn percent(scores: &[Score], method: &str) -> Option<f64> {
    scores.iter().find(|score| score.method.starts_with(method)).map(|score| score.value)
}
