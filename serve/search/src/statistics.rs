//! What a collection tells about itself.

use std::time::Duration;

use crate::segment::Segment;
use crate::shared::Shared;

/// How large a collection is and how it is searched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Records in it.
    pub records: usize,
    /// Segments; none while every search is exact.
    pub segments: usize,
    /// Records sealed in segments, with those that are gone since.
    pub sealed: usize,
    /// Distinct directions among them: what a walk meets.
    pub nodes: usize,
    /// Sealed records that were since replaced or deleted.
    pub dead: usize,
    /// Records not sealed yet, which are compared exactly.
    pub fresh: usize,
    /// Nodes that could not be found after linking, and were made findable before anybody searched.
    pub repaired: usize,
    /// Bytes of segments that walks read, which are best in memory.
    pub walked_bytes: usize,
    /// Walks through the segments in use, since they are; searches that compare everything take none.
    pub walks: usize,
    /// How long it took to make the segments in use.
    pub build_time: Duration,
    /// Whether a segment is being made, or waits to be.
    pub building: bool,
    /// Why nothing is sealed although the collection is large enough.
    pub problem: Option<String>,
    /// What was wrong with segments when the collection was opened; they are made again.
    pub damage: Vec<String>,
}

impl Statistics {
    pub(crate) fn of(shared: &Shared) -> Self {
        let building = shared.is_building();
        let state = shared.read();
        let mut statistics = Self {
            records: state.index.len(),
            fresh: state.index.fresh(),
            building,
            problem: state.index.problem().map(str::to_owned),
            damage: shared.damage().to_vec(),
            ..Self::default()
        };
        state.index.segments().for_each(|(segment, dead)| statistics.add(segment, dead));
        statistics
    }

    fn add(&mut self, segment: &Segment, dead: usize) {
        let description = segment.description();
        self.segments += 1;
        self.sealed += description.points;
        self.nodes += description.nodes;
        self.dead += dead;
        self.repaired += description.repaired;
        self.walks += segment.walks();
        self.walked_bytes += segment.walked_bytes();
        self.build_time += Duration::from_secs_f64(description.build_seconds.max(0.0));
    }
}
