//! What a collection tells about itself.

use std::time::Duration;

use crate::graph::Graph;
use crate::shared::Shared;

/// How large a collection is and how it is searched.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Records in it.
    pub records: usize,
    /// Points in the graph; 0 while every search is exact.
    pub graph_points: usize,
    /// Points the graph cannot reach, which are compared exactly.
    pub graph_orphans: usize,
    /// Points of the graph whose record was since replaced or deleted.
    pub graph_dead: usize,
    /// Records newer than the graph, which are compared exactly.
    pub fresh: usize,
    /// How long the graph took to build.
    pub graph_build_time: Duration,
    /// Whether a graph is being built, or waits to be.
    pub building: bool,
    /// Why there is no graph although the collection is large enough.
    pub graph_problem: Option<String>,
}

impl Statistics {
    pub(crate) fn of(shared: &Shared) -> Self {
        let building = shared.is_building();
        let state = shared.read();
        let (records, coverage) = (state.index.len(), state.index.coverage());
        let graph = coverage.graph.as_deref();
        Self {
            records,
            graph_points: graph.map_or(0, Graph::points),
            graph_orphans: graph.map_or(0, |g| g.orphans().count()),
            graph_dead: coverage.dead,
            fresh: coverage.fresh,
            graph_build_time: graph.map_or(Duration::ZERO, Graph::build_time),
            building,
            graph_problem: coverage.problem,
        }
    }
}
