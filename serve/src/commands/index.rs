//! `simclr-serve index`: a folder of pictures into a collection, and again whenever the folder has changed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use simclr_search::Dtype;
use simclr_serve::{Choice, Indexed, Indexing, RawConfig, index};

use super::long::{Progress, embedding_config, told_to_stop};
use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  simclr-serve index photos ~/Pictures --model models/artefacts/simclr-cifar10-resnet18 --data-dir data
  simclr-serve index photos ~/Pictures --model models/artefacts/simclr-cifar10-resnet18 --data-dir data --prune
  simclr-serve index photos ~/Pictures --model models/artefacts/simclr-cifar10-resnet18 --data-dir data --thumbnails --originals
  simclr-serve --sessions 4 index photos /mnt/photos --model encoder --store milvus://127.0.0.1:19530 --json > summary.json

Each picture becomes a record: its id is the path below the folder, its payload {\"path\": …}, and the hash of its bytes is kept.
Run it again after an interruption, or when the folder has changed: what is there with the same bytes is left alone, changed
files are replaced.
Of files with the same bytes the first by path is stored and the others are told, unless --keep-duplicates. --prune never
touches records that others stored. No server may have --data-dir open; one collection is for one folder.
Options of the encoder and limits, such as --sessions and --picture-bytes-max, go before the word index.";

/// Files named in the text after each other.
const NAMED: usize = 20;

/// Store a folder of pictures in a collection: embedded as the server does, again whenever the folder has changed
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct IndexArgs {
    /// The collection, which is made if it is not there
    name: String,
    /// The folder of pictures (jpg, jpeg, png, webp, gif, bmp), with all folders below it
    folder: PathBuf,
    /// Folder of the encoder
    #[arg(long, env = "SIMCLR_MODEL", value_name = "FOLDER")]
    model: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    /// Store files of the same bytes under each of their paths
    #[arg(long)]
    keep_duplicates: bool,
    /// Delete the records of files that are gone
    #[arg(long)]
    prune: bool,
    /// Make the collection keep small pictures, which the server then shows
    #[arg(long)]
    thumbnails: bool,
    /// Make the collection keep the files themselves, which `reembed` takes for another encoder
    #[arg(long)]
    originals: bool,
    /// Make the collection store numbers as f32, as they are, or f16, rounded to half the size [default: f32]
    #[arg(long, value_name = "TYPE", value_parser = dtype)]
    dtype: Option<Dtype>,
    /// Share of the pictures that may be unreadable; they are named and left out
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    broken_max: f64,
}

/// Indexes, and says what became of each file that was not simply stored.
pub(crate) fn run(arguments: &IndexArgs, raw: RawConfig) -> anyhow::Result<ExitCode> {
    let IndexArgs { name, folder, model, store, .. } = arguments;
    let mut config = embedding_config(raw, model, store.data_dir.clone().unwrap_or_default())?;
    (config.store, config.store_token) = (store.store.clone(), store.store_token.clone());
    let (keep_duplicates, prune, broken_max) =
        (arguments.keep_duplicates, arguments.prune, arguments.broken_max);
    let asked = |flag: bool| flag.then_some(true);
    let (thumbnails, originals) = (asked(arguments.thumbnails), asked(arguments.originals));
    let choice = Choice { dtype: arguments.dtype, thumbnails, originals };
    let stop = told_to_stop()?;
    let indexing = Indexing { folder, collection: name, choice, keep_duplicates, prune, broken_max, stop };
    let mut progress = Progress::new();
    let done = index(&config, &indexing, &mut |told| progress.hear(&told));
    progress.finish();
    let done = done?;
    store.say(&summary(arguments, &done, progress.begun), &text(arguments, &done, progress.begun));
    Ok(if done.stopped { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

fn dtype(text: &str) -> Result<Dtype, &'static str> {
    match text {
        "f32" => Ok(Dtype::F32),
        "f16" => Ok(Dtype::F16),
        _ => Err("it must be f32 or f16"),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it must be 0 to 1".to_owned())
}

fn summary(arguments: &IndexArgs, done: &Indexed, begun: Instant) -> Value {
    let pairs = |pairs: &[(String, String)], other: &str| -> Vec<Value> {
        pairs.iter().map(|(path, of)| json!({"path": path, other: of})).collect()
    };
    json!({
        "collection": arguments.name, "folder": arguments.folder, "found": done.found, "inserted": done.inserted,
        "replaced": done.replaced, "unchanged": done.unchanged, "pruned": done.pruned, "stopped": done.stopped,
        "duplicates": pairs(&done.duplicates, "same_as"), "broken": pairs(&done.broken, "reason"),
        "seconds": begun.elapsed().as_secs_f64(),
    })
}

fn text(arguments: &IndexArgs, done: &Indexed, begun: Instant) -> String {
    let (name, folder, seconds) =
        (&arguments.name, arguments.folder.display(), begun.elapsed().as_secs_f64());
    let Indexed { found, inserted, replaced, unchanged, duplicates, broken, pruned, .. } = done;
    let mut text = format!(
        "{name}: {found} pictures below {folder}: {inserted} stored, {replaced} replaced, {unchanged} unchanged, {} duplicates, \
         {} broken; {pruned} records pruned; {seconds:.1} s",
        duplicates.len(),
        broken.len()
    );
    let same = duplicates.iter().map(|(path, same_as)| format!("{path} has the same bytes as {same_as}"));
    let bad = broken.iter().map(|(path, reason)| format!("{path}: {reason}"));
    let lines: [Vec<String>; 2] = [same.collect(), bad.collect()];
    for lines in lines {
        lines.iter().take(NAMED).for_each(|line| text += &format!("\n  {line}"));
        if lines.len() > NAMED {
            text += &format!("\n  and {} more; --json names them all", lines.len() - NAMED);
        }
    }
    if done.stopped {
        text += "\nstopped; the same command goes on from here";
    }
    text
}
