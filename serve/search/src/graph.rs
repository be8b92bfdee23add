//! An approximate graph over many directions: hnsw_rs, kept at arm's length and checked after every build.
//!
//! Sequences and directions in, sequences out. hnsw_rs can lose points: it cuts a point's farthest link without
//! asking whether it was the only way there. So every point must find itself before the graph is used; those that
//! cannot (orphans) are listed and compared exactly. hnsw_rs also panics on surprises; here that is an error.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hnsw_rs::anndists::dist::Distance;
use hnsw_rs::hnsw::Hnsw;

use crate::index::Kernel;
use crate::store::panic_message;

/// Links of a point on the upper layers; twice as many on the lowest.
const CONNECTIONS: usize = 16;
/// Candidates weighed when a point is linked.
const WIDTH_BUILD: usize = 200;
/// Candidates kept while searching, at least.
const WIDTH_SEARCH: usize = 96;
/// Candidates of the first, quick attempt of a point to find itself.
const WIDTH_PROBE: usize = 16;
const LAYERS: usize = 16;
/// A graph that loses more than one point in this many is not worth having: comparing those takes the time it saves.
const ORPHAN_SHARE: usize = 4;

/// The same sequences in an order that has nothing to do with when they came.
///
/// Points that arrive sorted, like the pictures of one kind after the other, are linked to their predecessors only,
/// and a search that starts on the wrong side of a gap never crosses it.
fn shuffled(sequences: &[u64]) -> Vec<u64> {
    let mut order = sequences.to_vec();
    order.sort_by_cached_key(|sequence| sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32));
    order
}

/// Distance of two directions of length one, never negative.
#[derive(Debug)]
struct Angle(Kernel);

impl Distance<f32> for Angle {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        // Rounding may take the dot product past 1, and hnsw_rs panics on a negative distance.
        (1.0 - self.0.dot(a, b)).max(0.0)
    }
}

/// A finished graph, never changed again.
pub(crate) struct Graph {
    hnsw: Hnsw<'static, f32, Angle>,
    sequences: Vec<u64>,
    through: u64,
    orphans: HashSet<u64>,
    seconds: f64,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("points", &self.points()).field("orphans", &self.orphans.len()).finish()
    }
}

impl Graph {
    /// Links the directions of `sequences` and probes every one; `None` if told to stop, an error if it is no good.
    ///
    /// `direction` answers nothing for a record that has changed meanwhile; `through` is the last sequence that
    /// existed when `sequences` was taken.
    pub(crate) fn build(
        sequences: &[u64],
        through: u64,
        direction: impl Fn(u64) -> Option<Vec<f32>>,
        stop: &AtomicBool,
    ) -> Result<Option<Self>, String> {
        let built =
            catch_unwind(AssertUnwindSafe(|| Self::link_and_probe(sequences, through, direction, stop)));
        let graph =
            built.map_err(|panic| format!("building the graph failed: {}", panic_message(&*panic)))?;
        match &graph {
            Some(g) if g.orphans.len() * ORPHAN_SHARE > g.points() => {
                Err(format!("the graph lost {} of {} points", g.orphans.len(), g.points()))
            }
            _ => Ok(graph),
        }
    }

    fn link_and_probe(
        sequences: &[u64],
        through: u64,
        direction: impl Fn(u64) -> Option<Vec<f32>>,
        stop: &AtomicBool,
    ) -> Option<Self> {
        let started = Instant::now();
        let hnsw = Hnsw::new(CONNECTIONS, sequences.len(), LAYERS, WIDTH_BUILD, Angle(Kernel::best()));
        let mut graph = Self {
            hnsw,
            sequences: Vec::with_capacity(sequences.len()),
            through,
            orphans: HashSet::new(),
            seconds: 0.0,
        };
        for sequence in shuffled(sequences) {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(direction) = direction(sequence) {
                graph.hnsw.insert((&direction, graph.sequences.len()));
                graph.sequences.push(sequence);
            }
        }
        for position in 0..graph.points() {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            // A record that is gone by now is filtered out of every answer anyway.
            let sequence = graph.sequences[position];
            if direction(sequence).is_some_and(|d| !graph.finds(&d, position)) {
                graph.orphans.insert(sequence);
            }
        }
        graph.seconds = started.elapsed().as_secs_f64();
        Some(graph)
    }

    /// Whether a search as users make it comes upon this very point.
    fn finds(&self, direction: &[f32], position: usize) -> bool {
        [WIDTH_PROBE, WIDTH_SEARCH].into_iter().any(|width| {
            let found = self.hnsw.search(direction, width, width);
            found.iter().any(|neighbour| neighbour.d_id == position)
        })
    }

    /// The sequences of about `count` points near a direction, or nothing if hnsw_rs gave up.
    pub(crate) fn search(&self, direction: &[f32], count: usize) -> Option<Vec<u64>> {
        let width = WIDTH_SEARCH.max(count + count / 2);
        let found = catch_unwind(AssertUnwindSafe(|| self.hnsw.search(direction, count, width))).ok()?;
        Some(found.iter().map(|neighbour| self.sequences[neighbour.d_id]).collect())
    }

    pub(crate) fn points(&self) -> usize {
        self.sequences.len()
    }

    /// The last sequence it may cover; what came later it does not know.
    pub(crate) fn through(&self) -> u64 {
        self.through
    }

    pub(crate) fn is_orphan(&self, sequence: u64) -> bool {
        self.orphans.contains(&sequence)
    }

    pub(crate) fn orphans(&self) -> impl Iterator<Item = u64> + '_ {
        self.orphans.iter().copied()
    }

    pub(crate) fn build_time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    #[cfg(test)]
    pub(crate) fn with_orphans(mut self, orphans: impl Iterator<Item = u64>) -> Self {
        self.orphans.extend(orphans);
        self
    }
}
