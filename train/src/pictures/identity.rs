//! Which pictures a run is on, so that it does not go on on others.

use std::fmt::{Display, Formatter, Result};

use serde::{Deserialize, Serialize};
use simclr_datasets::{Sample, fingerprint};

/// How many pictures a training split lists, broken ones too, and what they are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// How many.
    pub count: usize,
    /// The SHA-256 of their names, as [`fingerprint`] makes it.
    pub names: String,
}

impl Identity {
    /// That of these samples.
    pub fn of(samples: &[Sample]) -> Self {
        Self { count: samples.len(), names: fingerprint(samples) }
    }
}

impl Display for Identity {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} pictures (SHA-256 of their names {:.12}…)", self.count, self.names)
    }
}
