//! `simclr-models import`: other people's weights become an artefact, checked like every other before it is kept.

mod arguments;

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::json;
use simclr_models::import::{self, Checkpoint, Choices, Imported, Preset};
use simclr_models::{Artefact, CardDraft, Filter, Recipe, Stem, Training};

use super::{grouped, recipe_words, verify};
use crate::Report;
pub(crate) use arguments::{EXAMPLES, Import};

const PROGRAM: &str = concat!("simclr-models ", env!("CARGO_PKG_VERSION"));

pub(crate) fn run(arguments: &Import) -> anyhow::Result<Report> {
    let checkpoint = Checkpoint::open(&arguments.weights)?;
    let preset = arguments.preset.map(Preset::from);
    let imported = import::import(&checkpoint, &choices(arguments, preset))
        .with_context(|| arguments.weights.display().to_string())?;
    let recipe = recipe(arguments, preset.or(imported.naming.preset()))?;
    let story = story(&checkpoint, &imported);
    let folder = arguments.out.clone().unwrap_or_else(|| Path::new(crate::ARTEFACTS).join(&arguments.name));
    let draft = draft(arguments, recipe, story.clone());
    let artefact = Artefact::create(&folder, &imported.network, &imported.weights, draft)?;
    if io::stderr().is_terminal() {
        eprintln!(
            "checking the embeddings against the slow reference; a minute or more for large networks …"
        );
    }
    let checks = checked(&folder)?;
    Ok(Report {
        text: text(&story, &artefact, &imported, &checks.text),
        json: json(&checkpoint, &artefact, &imported, &checks.json),
        passed: true,
    })
}

fn draft(arguments: &Import, recipe: Recipe, story: String) -> CardDraft {
    let Import { name, licence, method, data, epochs, .. } = arguments;
    CardDraft {
        name: name.clone(),
        recipe,
        licence: licence.clone(),
        training: Training {
            method: method.clone(),
            data: data.clone(),
            epochs: *epochs,
            loss: None,
            recipe: story,
            program: PROGRAM.to_owned(),
            earlier: vec![],
        },
    }
}

/// Verifies the artefact just made; one that fails does not stay.
fn checked(folder: &PathBuf) -> anyhow::Result<Report> {
    let checks = verify::run(std::slice::from_ref(folder));
    if checks.passed {
        return Ok(checks);
    }
    let kept = std::fs::remove_dir_all(folder)
        .map_or_else(|e| format!("could not be removed: {e}"), |()| "removed".into());
    bail!("the artefact failed its checks and was {kept}\n{}", checks.text);
}

fn choices(arguments: &Import, preset: Option<Preset>) -> Choices {
    let padded = arguments.max_pool_padding.map(Stem::from);
    Choices {
        prefix: arguments.prefix.clone(),
        depth: arguments.depth,
        width: arguments.width,
        stem: arguments.stem.map(Stem::from),
        large_stem: padded.or(preset.map(Preset::large_stem)),
    }
}

/// The preset's recipe with what was given explicitly in its place; nothing is guessed.
fn recipe(arguments: &Import, preset: Option<Preset>) -> anyhow::Result<Recipe> {
    let Import { side, resize, filter, mean, deviation, .. } = arguments;
    let filter = filter.map(Filter::from);
    let recipe = match (preset.map(Preset::recipe), *side, *resize, filter, *mean, *deviation) {
        (None, Some(side), Some(resize), Some(filter), Some(mean), Some(deviation)) => {
            Recipe { side, resize, filter, mean, deviation }
        }
        (None, ..) => bail!(
            "weights do not say how their pictures were prepared: give --preset torchvision, simclr or small-picture, \
             or all of --side, --resize, --filter, --mean and --deviation"
        ),
        (Some(usual), ..) => Recipe {
            side: side.unwrap_or(usual.side),
            resize: resize.unwrap_or(usual.resize),
            filter: filter.unwrap_or(usual.filter),
            mean: mean.unwrap_or(usual.mean),
            deviation: deviation.unwrap_or(usual.deviation),
        },
    };
    recipe.check()?;
    Ok(recipe)
}

/// What was read, taken and left: printed, and kept in the card as the artefact's origin.
fn story(checkpoint: &Checkpoint, imported: &Imported) -> String {
    let file = file_name(checkpoint);
    let (tensors, taken) = (checkpoint.tensor_count(), imported.weights.tensors().len());
    let bytes = grouped(usize::try_from(checkpoint.bytes()).unwrap_or(usize::MAX));
    let mut story = format!("read      {file}: {}, {bytes} bytes, {tensors} tensors\n", checkpoint.format());
    let _ = writeln!(story, "sha256    {}", checkpoint.checksum());
    let under = match imported.prefix.as_str() {
        "" => String::new(),
        prefix => format!(" under `{prefix}`"),
    };
    let _ = writeln!(story, "taken     {taken} tensors{under}, {}", imported.naming.words());
    for (group, count) in &imported.dropped {
        let _ = writeln!(story, "dropped   {count} of `{group}`");
    }
    story
}

fn file_name(checkpoint: &Checkpoint) -> String {
    checkpoint.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn text(story: &str, artefact: &Artefact, imported: &Imported, checks: &str) -> String {
    let card = artefact.card();
    format!(
        "{story}network   {}: {} learned numbers, embeddings of {}\nrecipe    {}\nspace key {}\n\n{checks}",
        imported.network,
        grouped(learned(imported)),
        grouped(card.embedding_len),
        recipe_words(&card.recipe),
        card.space_key,
    )
}

fn json(
    checkpoint: &Checkpoint,
    artefact: &Artefact,
    imported: &Imported,
    checks: &serde_json::Value,
) -> serde_json::Value {
    json!({
        "source": {
            "file": file_name(checkpoint),
            "format": checkpoint.format(),
            "bytes": checkpoint.bytes(),
            "sha256": checkpoint.checksum(),
            "tensors": checkpoint.tensor_count(),
        },
        "prefix": imported.prefix,
        "naming": imported.naming.words(),
        "taken": imported.weights.tensors().len(),
        "dropped": imported.dropped,
        "learned": learned(imported),
        "folder": artefact.folder(),
        "card": artefact.card(),
        "checks": checks[0]["checks"],
    })
}

fn learned(imported: &Imported) -> usize {
    imported.network.describe().map_or(0, |description| description.learned_len())
}
