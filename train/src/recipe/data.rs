//! What is learned from, and how it is held.

use serde::{Deserialize, Serialize};

use super::problems::Problems;

/// The training pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// A name that `simclr_datasets::open` knows.
    pub dataset: String,
    /// Views are cut from the middle square of each picture, resized to this side, in pixels.
    pub side: u32,
    /// Share of the pictures that may be unreadable: so many are named and left out, more stop the run.
    #[serde(default = "one_in_a_thousand")]
    pub broken_max: f64,
    /// Whether squares are kept in memory or decoded for each batch; views are the same.
    #[serde(default)]
    pub resident: Resident,
}

/// Where pictures are between two epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resident {
    /// In the training device's memory if they take at most 16 GiB and half of the memory that is free, else on disk.
    #[default]
    Auto,
    /// In the training device's memory.
    Always,
    /// On disk.
    Never,
}

fn one_in_a_thousand() -> f64 {
    0.001
}

impl Data {
    /// `side_of_views` is none while nobody knows it.
    pub(super) fn check(&self, side_of_views: Option<u32>, problems: &mut Problems) {
        let sides = side_of_views.unwrap_or(0)..=2048;
        problems.require(sides.contains(&self.side), "data.side must be views.side to 2048 pixels");
        let is_share = (0.0..1.0).contains(&self.broken_max);
        problems.require(is_share, "data.broken_max must be 0 or more and below 1: a share of the pictures");
    }
}
