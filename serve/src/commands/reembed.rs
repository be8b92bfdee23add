//! `simclr-serve reembed`: a collection's pictures by another encoder.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use simclr_serve::{RawConfig, Reembedded, Reembedding, reembed};

use super::long::{Progress, embedding_config, told_to_stop};

const EXAMPLES: &str = "\
Examples:
  simclr-serve reembed photos --model models/artefacts/simclr-cifar10-resnet18-w025 --data-dir data
  simclr-serve reembed photos --model encoder --data-dir data --to photos-2
  simclr-serve --sessions 4 reembed photos --model encoder --data-dir data --leave-out --json

For a collection that keeps originals (`index --originals`, or `\"keep\": {\"originals\": true}` when it is made). Ids, payloads and
pictures stay. The new collection is made beside the old and takes its place once it is whole; run it again after an
interruption and it goes on where it was. No server may have --data-dir open.";

/// Records named in the text after each other.
const NAMED: usize = 20;

/// Embed a collection's pictures again by another encoder
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReembedArgs {
    /// The collection
    name: String,
    /// Folder of the new encoder
    #[arg(long, env = "SIMCLR_MODEL", value_name = "FOLDER")]
    model: PathBuf,
    /// Folder of the collections, as given to the server
    #[arg(long, env = "SIMCLR_DATA_DIR", value_name = "FOLDER")]
    data_dir: PathBuf,
    /// Make another collection and leave the old one as it is
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// Leave out records that cannot be embedded again, such as those stored by vector
    #[arg(long)]
    leave_out: bool,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Embeds again, and says which records were left out.
pub(crate) fn run(arguments: &ReembedArgs, raw: RawConfig) -> anyhow::Result<ExitCode> {
    let ReembedArgs { name, model, data_dir, to, leave_out, json } = arguments;
    let folder = simclr_serve::collections_folder(data_dir);
    anyhow::ensure!(
        folder.is_dir(),
        "{}: there are no collections here; name a server's --data-dir",
        data_dir.display()
    );
    let config = embedding_config(raw, model, data_dir.clone())?;
    let stop = told_to_stop()?;
    let asked = Reembedding { collection: name, to: to.as_deref(), leave_out: *leave_out, stop };
    let mut progress = Progress::new();
    let done = reembed(&config, &asked, &mut |told| progress.hear(&told));
    progress.finish();
    let done = done?;
    let name = to.as_ref().unwrap_or(name);
    if *json {
        println!("{}", summary(name, &done, progress.begun));
    } else {
        println!("{}", text(name, &done, progress.begun));
    }
    Ok(if done.stopped { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

fn summary(name: &str, done: &Reembedded, begun: Instant) -> Value {
    let left_out = done.left_out.iter().map(|(id, reason)| json!({"id": id, "reason": reason}));
    json!({
        "collection": name, "records": done.records, "embedded": done.embedded, "unchanged": done.unchanged,
        "left_out": left_out.collect::<Vec<_>>(), "stopped": done.stopped, "seconds": begun.elapsed().as_secs_f64(),
    })
}

fn text(name: &str, done: &Reembedded, begun: Instant) -> String {
    let Reembedded { records, embedded, unchanged, left_out, .. } = done;
    let mut text = format!(
        "{name}: {embedded} of {records} records embedded, {unchanged} were already, {} left out; {:.1} s",
        left_out.len(),
        begun.elapsed().as_secs_f64()
    );
    left_out.iter().take(NAMED).for_each(|(id, reason)| text += &format!("\n  {id}: {reason}"));
    if left_out.len() > NAMED {
        text += &format!("\n  and {} more; --json names them all", left_out.len() - NAMED);
    }
    if done.stopped {
        text += "\nstopped; the same command goes on from here";
    }
    text
}
