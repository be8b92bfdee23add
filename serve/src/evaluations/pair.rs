//! One encoder on one dataset: where it stands and what it came to, as it is told and kept.

use serde::{Deserialize, Serialize};
use simclr_eval::Job;
use utoipa::ToSchema;

/// Where one encoder on one dataset stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PairStatus {
    /// Not yet begun.
    Waiting,
    /// Being done.
    Running,
    /// Its outcome is there.
    Finished,
    /// It has none.
    Failed,
}

/// One encoder on one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = EvaluationPair)]
pub(crate) struct Pair {
    pub(super) encoder: String,
    pub(super) dataset: String,
    pub(super) status: PairStatus,
    /// Pictures to embed
    pub(super) pictures: usize,
    /// Those embedded already
    pub(super) kept: usize,
    pub(super) problem: Option<String>,
    pub(super) figure: Option<Figure>,
}

impl Pair {
    pub(super) fn waiting(job: &Job) -> Self {
        Self {
            encoder: job.encoder.clone(),
            dataset: job.dataset.clone(),
            status: PairStatus::Waiting,
            pictures: job.pictures,
            kept: job.kept,
            problem: None,
            figure: None,
        }
    }
}

/// The main figure of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Figure {
    pub(super) metric: String,
    pub(super) method: String,
    /// Percent
    pub(super) value: f64,
    /// Its 95 % interval over the test pictures
    pub(super) interval: Option<[f64; 2]>,
}

/// What is being done now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = EvaluationStep)]
pub(crate) struct Step {
    pub(super) encoder: String,
    pub(super) dataset: String,
    pub(super) step: String,
    pub(super) done: usize,
    pub(super) of: usize,
}
