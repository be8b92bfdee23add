//! The two ways to search an index: every row, or the graph and whatever it does not cover.
//!
//! The exact way is the oracle. The approximate way may miss a neighbour but never a result: when it cannot fill the
//! answer it says so, and the exact way is taken.

use super::top::Top;
use super::{Covered, Index};

/// Asking for more than one record in this many is faster done exactly.
const EXACT_SHARE: usize = 8;
/// Points asked of the graph beyond the answer's length, for those that are gone.
const SPARE: usize = 8;

impl Index {
    /// The `limit` records nearest to a query of length one: score and id, best first.
    pub(crate) fn nearest(
        &self,
        query: &[f32],
        limit: usize,
        min_score: Option<f32>,
        exact: bool,
    ) -> Vec<(f32, &str)> {
        let covered = self.covered.as_ref().filter(|_| !exact);
        let found = covered.and_then(|covered| self.approximate(covered, query, limit, min_score));
        found.unwrap_or_else(|| self.exact(query, limit, min_score))
    }

    fn exact(&self, query: &[f32], limit: usize, min_score: Option<f32>) -> Vec<(f32, &str)> {
        let (mut top, mut dots) = (Top::new(limit, min_score), Vec::new());
        for (first, block) in self.matrix.blocks() {
            self.kernel.dots(query, block, &mut dots);
            for (row, &dot) in dots.iter().enumerate() {
                top.offer(dot, || &self.rows[first + row].id);
            }
        }
        top.into_sorted()
    }

    fn approximate(
        &self,
        covered: &Covered,
        query: &[f32],
        limit: usize,
        min_score: Option<f32>,
    ) -> Option<Vec<(f32, &str)>> {
        let rows = self.graph_rows(covered, query, limit)?;
        let mut top = Top::new(limit, min_score);
        let beside = covered.graph.orphans().chain(covered.fresh.iter().copied());
        let beside = beside.filter_map(|sequence| self.by_sequence.get(&sequence).copied());
        for row in rows.into_iter().chain(beside) {
            let dot = self.kernel.dot(query, self.matrix.row(row as usize));
            top.offer(dot, || &self.rows[row as usize].id);
        }
        Some(top.into_sorted())
    }

    /// At least `limit` living rows from the graph, or nothing if it would take too long to find as many.
    fn graph_rows(&self, covered: &Covered, query: &[f32], limit: usize) -> Option<Vec<u32>> {
        let graph = &covered.graph;
        let living = graph.points() - covered.dead;
        let mut fetch = limit + limit * covered.dead / living.max(1) + SPARE;
        while fetch * EXACT_SHARE <= self.len() {
            let found = graph.search(query, fetch)?;
            // Orphans are compared anyway; counting one twice would return it twice.
            let found = found.into_iter().filter(|&sequence| !graph.is_orphan(sequence));
            let rows: Vec<u32> = found.filter_map(|s| self.by_sequence.get(&s).copied()).collect();
            if rows.len() >= limit {
                return Some(rows);
            }
            fetch *= 4;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::graph::Graph;

    /// Points on a circle; the graph is told to have lost every third one.
    #[test]
    fn orphans_fresh_and_dead_records_are_all_accounted_for() {
        let count = 600u64;
        let at = |s: u64| [(s as f32 * 0.01).cos(), (s as f32 * 0.01).sin()];
        let mut index = Index::new(2, 10);
        (1..=count).for_each(|s| index.upsert(&format!("{s:04}"), s, &at(s)));
        let (sequences, through) = index.sequences();
        let direction = |s| index.direction(s).map(<[f32]>::to_vec);
        let graph = Graph::build(&sequences, through, direction, &AtomicBool::new(false)).expect("built");
        let graph = graph.expect("not stopped").with_orphans((1..=count).filter(|s| s % 3 == 0));
        assert!(index.adopt(Arc::new(graph)).is_none());
        index.upsert("fresh", 601, &at(300));
        index.upsert("0200", 602, &at(100));
        index.remove("0400");
        for sequence in [1, 99, 150, 199, 200, 201, 300, 399, 400, 401, 600] {
            let (found, exact) =
                (index.nearest(&at(sequence), 7, None, false), index.nearest(&at(sequence), 7, None, true));
            assert_eq!(found, exact, "around {sequence}");
        }
        let (covered, fresh) = (index.coverage(), index.coverage().fresh);
        assert!(covered.graph.is_some());
        assert_eq!((fresh, covered.dead), (2, 2));
    }

    #[test]
    fn a_graph_of_the_dead_gives_way_to_exact_search() {
        let at = |s: u64| [(s as f32 * 0.01).cos(), (s as f32 * 0.01).sin()];
        let mut index = Index::new(2, 10);
        (1..=200).for_each(|s| index.upsert(&format!("{s:04}"), s, &at(s)));
        let (sequences, through) = index.sequences();
        let direction = |s| index.direction(s).map(<[f32]>::to_vec);
        let graph = Graph::build(&sequences, through, direction, &AtomicBool::new(false)).expect("built");
        assert!(index.adopt(Arc::new(graph.expect("not stopped"))).is_none());
        (21..=200).for_each(|s| index.remove(&format!("{s:04}")));
        let found = index.nearest(&at(200), 10, None, false);
        assert_eq!(found, index.nearest(&at(200), 10, None, true));
        assert_eq!(found.len(), 10);
        assert!(index.needs_graph());
    }
}
