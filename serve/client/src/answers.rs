//! What the server answers, as far as the client gives it on.

use serde::Deserialize;
use serde_json::Value;

/// What is served.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Describe {
    /// The model that answers requests that name none.
    pub model: String,
    /// Only embeddings of equal keys may be compared.
    pub space_key: String,
    /// Numbers in an embedding.
    pub dimension: usize,
    /// Whether requests are welcome.
    pub ready: bool,
}

/// The embeddings of a request's pictures.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Embeddings {
    /// The model that made them.
    pub model: String,
    /// Only embeddings of equal keys may be compared.
    pub space_key: String,
    /// One a picture, in order.
    pub embeddings: Vec<Vec<f32>>,
}

/// What a classifier says of one picture.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Prediction {
    /// Which of the request's pictures.
    pub index: usize,
    /// Most probable first.
    pub top: Vec<Label>,
}

/// A class and how probable it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Label {
    /// The class's name.
    pub label: String,
    /// 0 to 1.
    pub probability: f32,
}

/// A record that is like what was asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Neighbour {
    /// The record's id.
    pub id: String,
    /// The cosine, −1 to 1.
    pub score: f32,
    /// What was stored with it.
    #[serde(default)]
    pub payload: Value,
    /// SHA-256 of its picture's bytes, where that is known.
    #[serde(default)]
    pub content_sha256: Option<String>,
    /// Where a small picture of it is, where the collection keeps thumbnails.
    #[serde(default)]
    pub thumbnail_url: Option<String>,
}

/// Why the server said no.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Refusal {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// Where in the request it is.
    pub param: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Refused {
    pub(super) error: Refusal,
}

#[derive(Deserialize)]
pub(super) struct Classified {
    pub(super) predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
pub(super) struct Found {
    pub(super) neighbours: Vec<Neighbour>,
}
