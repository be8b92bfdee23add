//! What a picture is known to show: one class, or a mark for every class.

use std::sync::Arc;

use crate::{DatasetError, Sample};

/// Whether a picture shows a class, where pictures may show several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// No object of the class.
    Absent,
    /// Only objects that are hard to recognise; what they count as is the metric's business.
    Difficult,
    /// At least one object of the class.
    Present,
}

/// The truth about one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// It shows this class: an index into the dataset's classes.
    Class(usize),
    /// One mark a class, in the classes' order.
    Marks(Arc<[Mark]>),
}

impl Label {
    /// The one class, where there is one.
    pub fn class(&self) -> Option<usize> {
        match self {
            Self::Class(class) => Some(*class),
            Self::Marks(_) => None,
        }
    }
}

/// The class of every sample.
///
/// # Errors
/// When a sample has marks instead; the message names it.
pub fn class_labels(samples: &[Sample]) -> Result<Vec<usize>, DatasetError> {
    let class = |s: &Sample| s.label.class().ok_or_else(|| DatasetError::SeveralLabels { name: s.name() });
    samples.iter().map(class).collect()
}
