//! What an evaluation is asked for, and where it stands: the words of the interface and of the file on disk.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to evaluate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = EvaluationRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Names of models of this server, or the baselines `random` and `pixels`
    pub(crate) encoders: Vec<String>,
    /// Names of datasets on the server's disk: those of the catalog, or `folder:NAME`
    pub(crate) datasets: Vec<String>,
    /// What to judge by; left out, both
    #[serde(default)]
    pub(crate) methods: Vec<Method>,
    /// Fit probes on so few pictures of each class besides
    #[serde(default)]
    pub(crate) few_shot: Vec<u8>,
    /// Use datasets that lack pictures; every figure then says how many of how many
    #[serde(default)]
    pub(crate) partial: bool,
    /// Of the pictures set aside
    #[serde(default)]
    pub(crate) seed: u64,
}

/// What an encoder is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// Votes of the nearest neighbours.
    Knn,
    /// A linear probe.
    Linear,
}

/// Where an evaluation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EvaluationStatus)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// Waits for its turn.
    Queued,
    /// Is being done.
    Running,
    /// The server stopped meanwhile; it goes on when the server is back.
    Interrupted,
    /// Everything was evaluated.
    Finished,
    /// Something was not.
    Failed,
    /// Somebody stopped it; it can be resumed.
    Cancelled,
}

impl Status {
    /// Whether nothing happens to it any more unless somebody asks.
    pub(crate) fn has_ended(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }
}
