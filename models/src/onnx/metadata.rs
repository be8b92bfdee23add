//! What an encoder's file says about itself, as entries of ONNX's metadata.

use super::OnnxError;
use super::format::StringStringEntryProto;
use crate::Recipe;
use crate::description::{Description, DescriptionError, HeadLayers, ResNet};
use crate::quantise::QuantisedFrom;

const RECIPE_KEY: &str = "simclr.recipe";
const NETWORK_KEY: &str = "simclr.network";
const LENGTH_KEY: &str = "simclr.embedding_len";
const OUTPUT_KEY: &str = "simclr.output";
/// The network's usual output: the representation before the projection head.
const OUTPUT: &str = "h";
/// The network's output when it is one of the projection head's layers, which [`HEAD_KEY`] describes.
const HEAD_OUTPUT: &str = "head";
const HEAD_KEY: &str = "simclr.head";
/// In 8-bit encoders: what they were made from.
const QUANTISED_KEY: &str = "simclr.quantised";

/// What an encoder file says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// The network.
    pub network: ResNet,
    /// Layers of the projection head that stand on it; none when embeddings are h.
    pub output: Option<HeadLayers>,
    /// The preprocessing it was trained for.
    pub recipe: Recipe,
    /// Length of an embedding.
    pub embedding_len: usize,
    /// What it was made from, if its numbers are 8-bit.
    pub quantised: Option<QuantisedFrom>,
}

impl Metadata {
    /// The steps from picture to embedding.
    ///
    /// # Errors
    /// When the network or the head does not exist.
    pub fn describe(&self) -> Result<Description, DescriptionError> {
        self.network.describe_to(self.output.as_ref())
    }
}

/// The entries that say so.
pub(super) fn entries(about: &Metadata) -> Result<Vec<StringStringEntryProto>, OnnxError> {
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.into(), value };
    let mut entries = vec![
        entry(RECIPE_KEY, json(&about.recipe)?),
        entry(NETWORK_KEY, json(&about.network)?),
        entry(LENGTH_KEY, about.embedding_len.to_string()),
        entry(OUTPUT_KEY, if about.output.is_some() { HEAD_OUTPUT } else { OUTPUT }.into()),
    ];
    if let Some(head) = &about.output {
        entries.push(entry(HEAD_KEY, json(head)?));
    }
    if let Some(from) = &about.quantised {
        entries.push(entry(QUANTISED_KEY, json(from)?));
    }
    Ok(entries)
}

/// What the entries say.
pub(super) fn read(entries: &[StringStringEntryProto]) -> Result<Metadata, OnnxError> {
    let network: ResNet = parse(entries, NETWORK_KEY)?;
    let recipe: Recipe = parse(entries, RECIPE_KEY)?;
    recipe.check()?;
    let embedding_len: usize = parse(entries, LENGTH_KEY)?;
    let wrong = |key, problem| OnnxError::Metadata { key, problem };
    let output = match entry(entries, OUTPUT_KEY)? {
        OUTPUT => None,
        HEAD_OUTPUT => Some(parse(entries, HEAD_KEY)?),
        other => {
            return Err(wrong(
                OUTPUT_KEY,
                format!("`{other}`, but only `{OUTPUT}` and `{HEAD_OUTPUT}` are known"),
            ));
        }
    };
    let quantised = match entry(entries, QUANTISED_KEY) {
        Ok(_) => Some(parse(entries, QUANTISED_KEY)?),
        Err(_) => None,
    };
    let metadata = Metadata { network, output, recipe, embedding_len, quantised };
    let expected = metadata.describe()?.output_len();
    if embedding_len != expected {
        return Err(wrong(LENGTH_KEY, format!("{embedding_len}, but the network's is {expected}")));
    }
    Ok(metadata)
}

fn entry<'a>(entries: &'a [StringStringEntryProto], key: &'static str) -> Result<&'a str, OnnxError> {
    let found = entries.iter().find(|entry| entry.key == key);
    found.map(|entry| entry.value.as_str()).ok_or(OnnxError::Metadata { key, problem: "missing".into() })
}

fn parse<T: serde::de::DeserializeOwned>(
    entries: &[StringStringEntryProto],
    key: &'static str,
) -> Result<T, OnnxError> {
    serde_json::from_str(entry(entries, key)?)
        .map_err(|e| OnnxError::Metadata { key, problem: format!("unreadable ({e})") })
}

fn json(value: &impl serde::Serialize) -> Result<String, OnnxError> {
    serde_json::to_string(value).map_err(|e| OnnxError::Format(e.to_string()))
}
