//! `simclr-serve export` and `import`: a collection to files that other programs read, and from theirs, of any store.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use simclr_search::Limits;
use simclr_serve::Imported;

use super::store::StoreArgs;

const EXPORT_EXAMPLES: &str = "\
Examples:
  simclr-serve export cats cats.parquet --data-dir data
  simclr-serve export cats cats-vectors --data-dir data
  simclr-serve export cats cats.parquet --store milvus://127.0.0.1:19530

A name that ends with .parquet becomes one file with the columns id, vector and payload (as JSON); any other a folder with
vectors.npy (a row a record), records.jsonl (its id and payload) and collection.json. Pictures that the collection keeps are
in columns thumbnail and original, or folders of these names. No server may have --data-dir open.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  simclr-serve import cats cats.parquet --data-dir data
  simclr-serve import own my-vectors --data-dir data --space-key 0123456789abcdef
  simclr-serve export cats cats.parquet --data-dir data && simclr-serve import cats cats.parquet --store milvus://127.0.0.1:19530

Takes what export writes, and what others write alike: Parquet with text `id`, lists of numbers `vector`, and JSON `payload`
or none; or a folder with float32 vectors.npy and records.jsonl. Pictures that come along are kept by a collection that is made,
or that keeps such. Stored part by part: after an interruption, import again.";

/// Write a collection to files that other programs read
#[derive(Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct ExportArgs {
    /// The collection
    name: String,
    /// The file to make, NAME.parquet, or the folder to make
    to: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

/// Store the records of files in a collection, which is made if it is not there; also what a server's snapshot route sent
#[derive(Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct ImportArgs {
    /// The collection
    name: String,
    /// The file NAME.parquet, or the folder
    from: PathBuf,
    /// Space of the vectors, as `simclr-serve`'s /v1/models says it, where the files do not: pictures are then searched with that model
    #[arg(long, value_name = "KEY")]
    space_key: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Exports, and says how many records there were.
pub(crate) fn export(arguments: &ExportArgs, limits: Limits) -> anyhow::Result<ExitCode> {
    let ExportArgs { name, to, store } = arguments;
    let collection = store.open(false, limits)?.get(name)?;
    let written = simclr_serve::export(&*collection, to, told("exported"))?;
    let line = json!({"collection": name, "exported": written, "to": to});
    store.say(&line, &format!("{name}: {written} records exported to {}", to.display()));
    Ok(ExitCode::SUCCESS)
}

/// Imports, and says how many records were new.
pub(crate) fn import(arguments: &ImportArgs, limits: Limits) -> anyhow::Result<ExitCode> {
    let ImportArgs { name, from, space_key, store } = arguments;
    let into = store.open(true, limits)?;
    let done = simclr_serve::import(&*into, name, from, space_key.as_deref(), told("imported"))?;
    let Imported { inserted, replaced, pictures_left_out } = done;
    let mut line = json!({"collection": name, "inserted": inserted, "replaced": replaced, "from": from});
    let mut text =
        format!("{name}: {inserted} records inserted and {replaced} replaced from {}", from.display());
    if pictures_left_out > 0 {
        line["pictures_left_out"] = json!(pictures_left_out);
        text += &format!("; {pictures_left_out} pictures left out, for it keeps none such");
    }
    store.say(&line, &text);
    Ok(ExitCode::SUCCESS)
}

/// Progress on a terminal, over itself; nothing elsewhere.
fn told(what: &'static str) -> impl FnMut(usize) {
    let on_terminal = std::io::stderr().is_terminal();
    move |records| {
        if on_terminal {
            eprint!("\r{records} records {what}\r");
        }
    }
}
