//! An index as it was at one moment, to be searched for as long as that takes: nobody waits for it, and it sees no change.

use std::sync::Arc;

use super::{Index, Part};
use crate::distance::Kernel;
use crate::segment::Segment;

/// All parts of an index, as they were.
pub(crate) struct View {
    pub(super) kernel: Kernel,
    pub(super) dimension: usize,
    pub(super) approximate_from: usize,
    pub(super) parts: Vec<Part>,
    /// Records in them.
    pub(super) len: usize,
}

impl Index {
    /// What there is now; it costs next to nothing, and what is changed while it lives is copied first, in small pieces.
    pub(crate) fn view(&self) -> View {
        View {
            kernel: self.kernel,
            dimension: self.dimension,
            approximate_from: self.approximate_from,
            parts: self.all_parts().cloned().collect(),
            len: self.len(),
        }
    }
}

impl View {
    pub(super) fn segments(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.parts.iter().filter_map(Part::segment)
    }
}
