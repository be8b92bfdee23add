//! One file a subcommand: its flags, then what it does.

pub(crate) mod check_data;
pub(crate) mod embed;
pub(crate) mod report;
pub(crate) mod run;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use simclr_datasets::Dataset;
use simclr_eval::EncoderSpec;
use simclr_models::Artefact;

/// A dataset as named on the command line: `name=root`.
#[derive(Debug, Clone)]
pub(crate) struct DatasetArgument {
    pub(crate) name: String,
    pub(crate) root: PathBuf,
}

impl FromStr for DatasetArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, root)) if !root.is_empty() => Ok(Self { name: name.to_owned(), root: root.into() }),
            _ => Err(format!("`{text}` is not name=folder, as in cifar10=data or folder=my/pictures")),
        }
    }
}

impl DatasetArgument {
    fn open(&self) -> anyhow::Result<Dataset> {
        simclr_datasets::open(&self.name, &self.root).with_context(|| format!("dataset {}", self.name))
    }
}

fn encoders(lists: &[String]) -> anyhow::Result<Vec<EncoderSpec>> {
    let mut specs = Vec::new();
    for list in lists {
        specs.extend(EncoderSpec::parse_list(list)?);
    }
    anyhow::ensure!(!specs.is_empty(), "name at least one encoder");
    Ok(specs)
}

/// What baselines resemble: the artefact named, or else the first that is judged.
fn like(named: Option<&Path>, specs: &[EncoderSpec]) -> anyhow::Result<Option<Artefact>> {
    let first = specs.iter().find_map(|spec| match spec {
        EncoderSpec::Artefact(folder) => Some(folder.as_path()),
        _ => None,
    });
    let folder = named.or(first);
    folder.map(|f| Artefact::open(f).with_context(|| format!("artefact {}", f.display()))).transpose()
}

fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The command as it was typed, for records: the program by its name, not by where it lies.
fn typed_command() -> String {
    let words = std::env::args().skip(1).map(|word| {
        let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./,:".contains(c));
        if is_plain && !word.is_empty() { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    std::iter::once("simclr-eval".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}
