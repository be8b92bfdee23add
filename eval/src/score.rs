//! One measured number with all that is needed to compare it.

use serde::{Deserialize, Serialize};

/// How good an encoder's embeddings are, by one method and metric on one split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The encoder's name.
    pub encoder: String,
    /// The dataset's name.
    pub data: String,
    /// The split it was measured on.
    pub split: String,
    /// Such as `knn k=200 T=0.1` or `linear`.
    pub method: String,
    /// Such as `top-1`.
    pub metric: String,
    /// The number, in percent.
    pub value: f64,
    /// Pictures it was measured on.
    pub pictures: usize,
    /// The bootstrap's 95 % interval, in percent, where it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}
