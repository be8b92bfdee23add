//! `simclr-train views`: what the network is shown, as a picture for a person and as numbers for a program.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use simclr_models::Picture;
use simclr_train::TrainRecipe;
use simclr_train::recipe::Resident;
use simclr_train::views::Sheet;
use tch::Device;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The recipe; see train/recipes
    recipe: PathBuf,
    /// Folder of the recipe's dataset
    #[arg(long)]
    data: PathBuf,
    /// The PNG to write: a row a picture, first the picture itself, then views of it
    #[arg(long, short)]
    out: PathBuf,
    /// How many pictures: the first that training visits
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pictures: u16,
    /// How many views of each: both of the first epoch, both of the second and so on
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=256))]
    columns: u16,
    /// Instead of the recipe's
    #[arg(long)]
    seed: Option<u64>,
    /// What was drawn, as JSON lines
    #[arg(long)]
    json: bool,
}

pub(crate) fn write(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { recipe, data, out, pictures, columns, seed, json } = arguments;
    let text = std::fs::read_to_string(recipe).with_context(|| format!("reading {}", recipe.display()))?;
    let mut recipe = TrainRecipe::parse(&text)?;
    let seed = seed.unwrap_or(recipe.seed);
    // Only what is shown is decoded, and none of it may be missing.
    (recipe.data.resident, recipe.data.broken_max) = (Resident::Never, 0.0);
    let (_, all) = super::load(&recipe, data, Device::Cpu)?;
    let mut indices = all.order(seed, 0);
    indices.truncate(usize::from(*pictures));
    let (chosen, _) = all.batch(&indices)?;
    let sheet = Sheet::new(&chosen, &indices, &recipe.views, seed, usize::from(*columns))?;
    let picture = Picture::new(sheet.width, sheet.height, sheet.rgb)?;
    std::fs::write(out, picture.to_png()?).with_context(|| format!("writing {}", out.display()))?;
    if *json {
        for (place, draw) in sheet.draws.iter().enumerate() {
            let (column, row) = (place / indices.len(), place % indices.len());
            println!(
                "{}",
                json!({
                    "row": row, "column": column + 1, "picture": indices[row],
                    "epoch": column / 2, "view": column % 2, "draw": draw,
                })
            );
        }
    } else {
        println!("{}", out.display());
    }
    let (width, height) = (picture.width(), picture.height());
    eprintln!("{width}×{height} pixels: {} pictures, {columns} views of each", indices.len());
    Ok(())
}
