//! `simclr-models quantize`: a float artefact and pictures in, an 8-bit artefact out, with how far the two are apart
//! measured on pictures that did not set the ranges.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;
use simclr_models::quantise::{Agreement, Quantised};
use simclr_models::{Artefact, CardDraft, CardScore, Encoder, OnnxEncoder};

use crate::Report;

/// Pictures that are compared, at most.
const COMPARED_MAX: usize = 1000;
const EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];
pub(crate) const EXAMPLES: &str = "Examples:
  simclr-models quantize NAME ~/Pictures --out models/artefacts/NAME-int8
  simclr-models quantize runs/mine/artefact holiday/*.jpg --pictures 256 --out mine-int8 --json

An 8-bit encoder is a quarter of the size and about two (narrow networks) to four times as fast on processors with 8-bit dot products (AVX-512
VNNI, AVX-VNNI, NEON dot product). Its space key is its own: embed a collection anew before searching it with the other.";

#[derive(Args)]
pub(crate) struct Quantize {
    /// The float artefact
    artefact: PathBuf,
    /// Pictures of the kind that will be embedded, or folders of them
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,
    /// Folder of the new artefact
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
    /// The new artefact's name [default: the folder's]
    #[arg(long)]
    name: Option<String>,
    /// Pictures that set the ranges, at most, evenly taken from those given
    #[arg(long = "pictures", value_name = "COUNT", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

pub(crate) fn run(arguments: &Quantize) -> anyhow::Result<Report> {
    let float = super::open(&arguments.artefact)?;
    let (setting, compared) = divide(&listed(&arguments.pictures)?, arguments.count as usize);
    let mut failure = None;
    let mut batches = setting
        .chunks(batch_len(&float))
        .map_while(|paths| super::embed::load(paths, &float).map_err(|error| failure = Some(error)).ok());
    let made = Quantised::of(&float, &mut batches);
    if let Some(error) = failure {
        return Err(error);
    }
    let (network, from) = made?;
    let draft = draft(arguments, &float)?;
    let mut artefact = Artefact::create_quantised(&arguments.out, &float, (&network, from), draft)?;
    let measured = (!compared.is_empty()).then(|| compare(&float, &artefact, &compared)).transpose()?;
    if let Some(measured) = &measured {
        artefact.add_scores(scores(measured, &float, compared.len(), arguments))?;
    }
    Ok(report(&artefact, &float, setting.len(), compared.len(), measured.as_ref()))
}

/// How the two encoders differ.
struct Measured {
    agreement: Agreement,
    /// The float encoder's time for a picture over the 8-bit one's, one thread.
    speed: f64,
}

/// The pictures named, and those below the folders named, sorted within each.
fn listed(given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = vec![];
    for path in given {
        if path.is_dir() { below(path, &mut found)? } else { found.push(path.clone()) }
    }
    ensure!(!found.is_empty(), "no file ending in {} was found", EXTENSIONS.join(", "));
    Ok(found)
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let read =
        || std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut paths = read().with_context(|| folder.display().to_string())?;
    paths.sort();
    for path in paths {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
        if path.is_dir() {
            below(&path, found)?;
        } else if EXTENSIONS.contains(&extension.as_str()) {
            found.push(path);
        }
    }
    Ok(())
}

/// Pictures that set the ranges, at most `count` and three quarters of all, and others that are compared.
fn divide(paths: &[PathBuf], count: usize) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let setting = count.min(paths.len().div_ceil(4) * 3).min(paths.len()).max(1);
    let is_setting = |i: usize| (i + 1) * setting / paths.len() > i * setting / paths.len();
    let pick = |wanted: bool| {
        let rows = (0..paths.len()).filter(move |&i| is_setting(i) == wanted);
        rows.map(|i| paths[i].clone()).collect::<Vec<_>>()
    };
    let mut compared = pick(false);
    let step = compared.len().div_ceil(COMPARED_MAX).max(1);
    compared = compared.into_iter().step_by(step).collect();
    (pick(true), compared)
}

/// Small enough that every value of a large network fits in memory for a batch.
fn batch_len(float: &Artefact) -> usize {
    if float.recipe().side > 64 { 4 } else { 32 }
}

fn draft(arguments: &Quantize, float: &Artefact) -> anyhow::Result<CardDraft> {
    let folder = arguments.out.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = arguments.name.clone().or(folder).context("--out must end in a name, or give --name")?;
    let card = float.card();
    Ok(CardDraft {
        name,
        recipe: card.recipe.clone(),
        licence: card.licence.clone(),
        training: card.training.clone(),
    })
}

fn compare(float: &Artefact, int8: &Artefact, paths: &[PathBuf]) -> anyhow::Result<Measured> {
    let mut encoders = [OnnxEncoder::open(float, 1)?, OnnxEncoder::open(int8, 1)?];
    let (mut rows, mut seconds) = ([vec![], vec![]], [0.0, 0.0]);
    for paths in paths.chunks(batch_len(float)) {
        let batch = super::embed::load(paths, float)?;
        for (i, encoder) in encoders.iter_mut().enumerate() {
            let begun = Instant::now();
            rows[i].extend(encoder.embed(&batch)?);
            seconds[i] += begun.elapsed().as_secs_f64();
        }
    }
    let [float, int8] = rows;
    Ok(Measured { agreement: Agreement::of(&float, &int8), speed: seconds[0] / seconds[1] })
}

fn scores(measured: &Measured, float: &Artefact, pictures: usize, arguments: &Quantize) -> Vec<CardScore> {
    let Agreement { cosine, cosine_min, recall_at_10 } = measured.agreement;
    let command = format!("simclr-models quantize {} …", arguments.artefact.display());
    let score = |metric: &str, value| CardScore {
        data: format!("{pictures} pictures of the user's"),
        split: "that did not set the ranges".to_owned(),
        metric: metric.to_owned(),
        method: format!("beside {}", float.name()),
        value,
        command: command.clone(),
    };
    vec![
        score("mean cosine", cosine),
        score("least cosine", cosine_min),
        score("recall@10 of neighbours", recall_at_10),
    ]
}

fn report(
    artefact: &Artefact,
    float: &Artefact,
    setting: usize,
    compared: usize,
    measured: Option<&Measured>,
) -> Report {
    let size = |artefact: &Artefact| std::fs::metadata(artefact.encoder_path()).map_or(0, |file| file.len());
    let sizes = [float, artefact].map(size);
    let mut text = format!(
        "{}: 8-bit, space key {}, {} bytes instead of {}; {setting} pictures set the ranges\n",
        artefact.folder().display(),
        artefact.space_key(),
        super::grouped(sizes[1] as usize),
        super::grouped(sizes[0] as usize),
    );
    text += &match measured {
        None => "too few pictures to compare the two on others\n".to_owned(),
        Some(Measured { agreement: Agreement { cosine, cosine_min, recall_at_10 }, speed }) => format!(
            "on {compared} others: cosine to float {cosine:.5} (least {cosine_min:.5}), recall@10 of neighbours \
             {recall_at_10:.3}, {speed:.2} times as fast on one thread\n"
        ),
    };
    let json = json!({
        "artefact": artefact.folder(), "name": artefact.name(), "space_key": artefact.space_key(),
        "bytes": sizes[1], "bytes_float": sizes[0], "pictures": setting, "compared": compared,
        "cosine": measured.map(|m| m.agreement.cosine), "cosine_min": measured.map(|m| m.agreement.cosine_min),
        "recall_at_10": measured.map(|m| m.agreement.recall_at_10), "speed": measured.map(|m| m.speed),
    });
    Report { text, json, passed: true }
}
