//! `simclr-serve verify`: whether a data folder still holds what was stored in it, said collection by collection.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use simclr_search::{Collections, Limits, Verified};
use simclr_serve::collections_folder;

const EXAMPLES: &str = "\
Examples:
  simclr-serve verify --data-dir data
  simclr-serve verify --data-dir data --sample 1000 --recall-min 0.999 --json

No server may have the folder open. Exits with 1 when anything is damaged or recall is too low. Segments that cannot be
read are named and taken away: the server makes them again from the records. Records are never changed.";

/// Check every checksum of a data folder, and the recall of a sample against exact search
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// Folder of the collections, as given to the server
    #[arg(long, env = "SIMCLR_DATA_DIR", value_name = "FOLDER")]
    data_dir: PathBuf,
    /// Records of each collection whose neighbours are looked for both ways
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    sample: usize,
    /// Recall at ten neighbours below which a collection counts as damaged
    #[arg(long, value_name = "SHARE", default_value_t = 0.99, value_parser = share)]
    recall_min: f64,
    /// One JSON object a collection instead of text
    #[arg(long)]
    json: bool,
}

/// Verifies every collection; what is damaged is in the output and in the exit code.
pub(crate) fn run(arguments: &VerifyArgs, limits: Limits) -> anyhow::Result<ExitCode> {
    let folder = collections_folder(&arguments.data_dir);
    anyhow::ensure!(
        folder.is_dir(),
        "{}: there are no collections here; name a server's --data-dir",
        folder.display()
    );
    let collections = Collections::open(&folder, limits)?;
    let mut sound = true;
    for problem in collections.problems() {
        sound = false;
        let verified = Verified { damage: vec![problem.error.to_string()], ..Verified::default() };
        say(&problem.name, &verified, arguments.json);
    }
    for collection in collections.list() {
        // One that cannot be looked through must not hide the others.
        let mut verified = collection
            .verify(arguments.sample)
            .unwrap_or_else(|error| Verified { damage: vec![error.to_string()], ..Verified::default() });
        if let Some(recall) = verified.recall.filter(|&recall| recall < arguments.recall_min) {
            verified.damage.push(format!("recall is {recall:.4}, below {}", arguments.recall_min));
        }
        sound &= verified.damage.is_empty();
        say(collection.name(), &verified, arguments.json);
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "it must be 0 to 1".to_owned())
}

fn say(name: &str, verified: &Verified, as_json: bool) {
    let Verified { records, segments, pictures, sampled, recall, damage } = verified;
    if as_json {
        let recall = recall.map_or(Value::Null, Value::from);
        let line = json!({"collection": name, "sound": damage.is_empty(), "records": records, "segments": segments, "pictures": pictures,
            "sampled": sampled, "recall": recall, "damage": damage});
        println!("{line}");
        return;
    }
    let word = if damage.is_empty() { "sound" } else { "DAMAGED" };
    let recall =
        recall.map_or(String::new(), |recall| format!(", recall@10 {recall:.4} over {sampled} records"));
    let pictures = if *pictures > 0 { format!(", {pictures} files of pictures") } else { String::new() };
    println!("{name}: {word}: {records} records, {segments} segments{pictures}{recall}");
    damage.iter().for_each(|damage| println!("  {damage}"));
}
