//! An artefact's card: what the encoder is, how it was made, what it scored. `card.toml`, written for people too.

use serde::{Deserialize, Serialize};

use crate::quantise::QuantisedFrom;
use crate::{HeadLayers, Recipe, ResNet};

/// What is known about an encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Its name: letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Under which terms it may be used.
    pub licence: String,
    /// Length of its embeddings.
    pub embedding_len: usize,
    /// Lengths to which its embeddings may be cut, as it was trained for that; absent where it was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortened_to: Vec<usize>,
    /// SHA-256 of `encoder.onnx`, in hexadecimal.
    pub checksum: String,
    /// First 16 digits of the checksum: embeddings with different keys must not be compared.
    pub space_key: String,
    /// The network.
    pub network: ResNet,
    /// Layers of the projection head that stand on it; absent when embeddings are h, the paper's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<HeadLayers>,
    /// What it was made from, if its numbers are 8-bit; absent for float encoders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantised: Option<QuantisedFrom>,
    /// The preprocessing it was trained for.
    pub recipe: Recipe,
    /// How it was made.
    pub training: Training,
    /// What it scored.
    #[serde(default)]
    pub scores: Vec<CardScore>,
}

/// What only the maker of an artefact knows; the rest of the card follows from the network.
#[derive(Debug, Clone, PartialEq)]
pub struct CardDraft {
    /// Its name: letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// The preprocessing it was trained for.
    pub recipe: Recipe,
    /// Under which terms it may be used.
    pub licence: String,
    /// How it was made.
    pub training: Training,
}

/// How an encoder was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Such as `simclr`, or `random` for an untrained one.
    pub method: String,
    /// The pictures it saw.
    pub data: String,
    /// How often it saw them.
    pub epochs: u32,
    /// The last epoch's mean loss, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// The training recipe file's text.
    pub recipe: String,
    /// Name and version of the program.
    pub program: String,
    /// The runs with whose weights it began one after the other, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
}

/// A run whose weights another one began with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// How often it saw its pictures.
    pub epochs: u32,
    /// The training recipe file's text.
    pub recipe: String,
}

/// One measured number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardScore {
    /// The dataset, such as `cifar10`.
    pub data: String,
    /// The split it was measured on, such as `test`.
    pub split: String,
    /// Such as `top-1`.
    pub metric: String,
    /// Such as `knn` or `linear`.
    pub method: String,
    /// The number.
    pub value: f64,
    /// The command that measured it.
    pub command: String,
}

impl CardScore {
    /// Whether the other is a newer measurement of the same thing.
    pub(crate) fn measures_same(&self, other: &Self) -> bool {
        let key = |s: &Self| (s.data.clone(), s.split.clone(), s.metric.clone(), s.method.clone());
        key(self) == key(other)
    }
}
