//! `simclr-serve export` and `import`: a collection to files that other programs read, and from theirs, of any store.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use simclr_search::{Limits, VectorStore};
use simclr_serve::{milvus_address, open_store};

const EXPORT_EXAMPLES: &str = "\
Examples:
  simclr-serve export cats cats.parquet --data-dir data
  simclr-serve export cats cats-vectors --data-dir data
  simclr-serve export cats cats.parquet --store milvus://127.0.0.1:19530

A name that ends with .parquet becomes one file with the columns id, vector and payload (as JSON); any other a folder with
vectors.npy (a row a record), records.jsonl (its id and payload) and collection.json. No server may have --data-dir open.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  simclr-serve import cats cats.parquet --data-dir data
  simclr-serve import own my-vectors --data-dir data --space-key 0123456789abcdef
  simclr-serve export cats cats.parquet --data-dir data && simclr-serve import cats cats.parquet --store milvus://127.0.0.1:19530

Takes what export writes, and what others write alike: Parquet with text `id`, lists of numbers `vector`, and JSON `payload`
or none; or a folder with float32 vectors.npy and records.jsonl. Stored part by part: after an interruption, import again.";

/// Where the collections are.
#[derive(Args)]
struct StoreArgs {
    /// Folder of the collections, as given to the server
    #[arg(long, env = "SIMCLR_DATA_DIR", value_name = "FOLDER", required_unless_present = "store")]
    data_dir: Option<PathBuf>,
    /// The Milvus cluster that keeps them instead, milvus://HOST:PORT
    #[arg(long, env = "SIMCLR_STORE", value_name = "ADDRESS", value_parser = milvus_address)]
    store: Option<String>,
    /// What to show the cluster: user:password, or an API key
    #[arg(long, env = "SIMCLR_STORE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    store_token: Option<String>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

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

/// Store the records of files in a collection, which is made if it is not there
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
pub(crate) fn export(arguments: &ExportArgs) -> anyhow::Result<ExitCode> {
    let ExportArgs { name, to, store } = arguments;
    let collection = store.open(false)?.get(name)?;
    let written = simclr_serve::export(&*collection, to, told("exported"))?;
    let line = json!({"collection": name, "exported": written, "to": to});
    store.say(&line, &format!("{name}: {written} records exported to {}", to.display()));
    Ok(ExitCode::SUCCESS)
}

/// Imports, and says how many records were new.
pub(crate) fn import(arguments: &ImportArgs) -> anyhow::Result<ExitCode> {
    let ImportArgs { name, from, space_key, store } = arguments;
    let done = simclr_serve::import(&*store.open(true)?, name, from, space_key.as_deref(), told("imported"))?;
    let (inserted, replaced) = (done.inserted, done.replaced);
    let line = json!({"collection": name, "inserted": inserted, "replaced": replaced, "from": from});
    store.say(
        &line,
        &format!("{name}: {inserted} records inserted and {replaced} replaced from {}", from.display()),
    );
    Ok(ExitCode::SUCCESS)
}

impl StoreArgs {
    /// The store; a data folder that is not there is made for writing only.
    fn open(&self, writes: bool) -> anyhow::Result<Arc<dyn VectorStore>> {
        let data_dir = self.data_dir.clone().unwrap_or_default();
        let there = self.store.is_some() || writes || simclr_serve::collections_folder(&data_dir).is_dir();
        anyhow::ensure!(
            there,
            "{}: there are no collections here; name a server's --data-dir",
            data_dir.display()
        );
        Ok(open_store(&data_dir, self.store.as_deref(), self.store_token.as_deref(), Limits::default())?)
    }

    fn say(&self, line: &serde_json::Value, text: &str) {
        if self.json { println!("{line}") } else { println!("{text}") }
    }
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
