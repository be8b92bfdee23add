//! `simclr-train ablate`: runs a grid and says where its table is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use simclr_datasets::Split;
use simclr_train::ablate::{Bench, Grid, ablate};
use simclr_train::pictures::Pictures;
use simclr_train::{Ending, Limits};

use super::{How, STOP, show};

#[derive(Args)]
pub(super) struct Ablate {
    /// The grid; see train/ablations
    grid: PathBuf,
    /// Folder of the grid's runs, table and heat map; a grid that was stopped goes on
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    how: How,
}

impl Ablate {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let grid = Grid::load(&self.grid)?;
        let first = grid.cells.first().context("the grid has no cell")?;
        let data = &first.recipe.data;
        let is_one = grid.cells.iter().all(|cell| cell.recipe.data == *data);
        ensure!(is_one, "every cell must have the same [data]: the pictures are loaded once");
        ctrlc::set_handler(|| STOP.store(true, std::sync::atomic::Ordering::Relaxed))?;
        let device = self.how.machine.prepare()?;
        let dataset = simclr_datasets::open(&data.dataset, &self.how.data)?;
        let samples = dataset.split(Split::Train).context("the dataset has no training split")?;
        let pictures = Pictures::load(samples, data, device)?;
        std::fs::create_dir_all(&self.out).with_context(|| format!("making {}", self.out.display()))?;
        let limits = Limits {
            time: self.how.limit_seconds.map(Duration::from_secs),
            steps: self.how.limit_steps,
            stop: &STOP,
            checkpoint_every: Duration::from_secs(self.how.checkpoint_seconds),
            keep: usize::from(self.how.keep),
        };
        let bench = Bench {
            dataset: &dataset,
            pictures: &pictures,
            device,
            threads: self.how.machine.threads(),
            folder: &self.out,
        };
        let mut show = show::Show::new(self.how.json);
        let ending = ablate(&grid, &bench, limits, &mut |cell, line| show.one_of(&cell.name, line))?;
        show.end();
        self.say(ending, &self.out);
        Ok(())
    }

    fn say(&self, ending: Ending, out: &Path) {
        match ending {
            Ending::Finished => println!("{}", out.join("report.md").display()),
            Ending::Paused { .. } => eprintln!("paused; the same command goes on where it was"),
        }
    }
}
