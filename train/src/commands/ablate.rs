//! `simclr-train ablate`: runs a grid and says where its table is.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use simclr_train::Ending;
use simclr_train::ablate::{Bench, Grid, ablate};

use super::{How, load, show};

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
        let is_one = grid.cells.iter().all(|cell| cell.recipe.data == first.recipe.data);
        ensure!(is_one, "every cell must have the same [data]: the pictures are loaded once");
        let limits = self.how.limits()?;
        let device = self.how.machine.prepare()?;
        let (dataset, pictures) = load(&first.recipe, &self.how.data, device)?;
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
