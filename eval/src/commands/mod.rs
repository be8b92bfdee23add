//! One file a subcommand: its flags, then what it does.

pub(crate) mod bench_probe;
pub(crate) mod check_data;
pub(crate) mod compare;
pub(crate) mod embed;
pub(crate) mod leaks;
pub(crate) mod report;
pub(crate) mod run;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use simclr_datasets::{Dataset, OpenOptions};
use simclr_eval::{EncoderSpec, Storage};
use simclr_models::Artefact;

/// A dataset as named on the command line: `name=root`, or `folder:alias=root` for one of several folders.
#[derive(Debug, Clone)]
pub(crate) struct DatasetArgument {
    pub(crate) name: String,
    alias: Option<String>,
    pub(crate) root: PathBuf,
}

impl FromStr for DatasetArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |alias: &str| {
            !alias.is_empty() && alias.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        match text.split_once('=') {
            Some((name, root)) if !root.is_empty() => match name.split_once(':') {
                Some(("folder", alias)) if is_plain(alias) => {
                    Ok(Self { name: "folder".to_owned(), alias: Some(alias.to_owned()), root: root.into() })
                }
                Some(_) => Err(format!("`{name}` is not folder:alias with letters, digits, - and _")),
                None => Ok(Self { name: name.to_owned(), alias: None, root: root.into() }),
            },
            _ => Err(format!("`{text}` is not name=folder, as in cifar10=data or folder=my/pictures")),
        }
    }
}

impl DatasetArgument {
    fn open(&self) -> anyhow::Result<Dataset> {
        self.open_with(&OpenOptions::default())
    }

    fn open_with(&self, how: &OpenOptions) -> anyhow::Result<Dataset> {
        let mut dataset = simclr_datasets::open_with(&self.name, &self.root, how)
            .with_context(|| format!("dataset {}", self.name))?;
        if let Some(alias) = &self.alias {
            dataset.name = format!("{}-{alias}", self.name);
        }
        Ok(dataset)
    }
}

/// The place of results that a flag names: a folder, or a bucket with the standard `AWS_` variables.
fn storage(place: &str) -> anyhow::Result<Storage> {
    if !place.starts_with("s3://") {
        return Ok(Storage::folder(Path::new(place)));
    }
    #[cfg(feature = "object-store")]
    return Ok(Storage::bucket(place, std::env::vars())?);
    #[cfg(not(feature = "object-store"))]
    anyhow::bail!(
        "{place}: this program was built without object stores; build it with \
         `cargo build --release -p simclr-eval --features object-store`"
    );
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
