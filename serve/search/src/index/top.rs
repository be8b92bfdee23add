//! The best few of many scores: higher first, and of equal scores the smaller id first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A scored row; the greatest is the one to give up first.
#[derive(Debug)]
struct Candidate<'a> {
    score: f32,
    id: &'a str,
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then_with(|| self.id.cmp(other.id))
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate<'_> {}

/// Keeps the best `limit` of what is offered, at or above a lowest score.
#[derive(Debug)]
pub(crate) struct Top<'a> {
    limit: usize,
    least: f32,
    heap: BinaryHeap<Candidate<'a>>,
}

impl<'a> Top<'a> {
    pub(crate) fn new(limit: usize, min_score: Option<f32>) -> Self {
        Self { limit, least: min_score.unwrap_or(f32::NEG_INFINITY), heap: BinaryHeap::new() }
    }

    /// Nothing yet, but what could not be taken here is not taken there either.
    pub(crate) fn beside(&self) -> Self {
        Self { limit: self.limit, least: self.least, heap: BinaryHeap::new() }
    }

    /// Takes what was collected beside.
    pub(crate) fn absorb(&mut self, beside: Self) {
        beside.heap.into_iter().for_each(|candidate| self.offer(candidate.score, || Some(candidate.id)));
    }

    /// What scores less is not taken.
    pub(crate) fn least(&self) -> f32 {
        self.least
    }

    /// Whether a dot product is worth finding out whose it is.
    #[inline]
    pub(crate) fn may_take(&self, dot: f32) -> bool {
        dot.min(1.0) >= self.least
    }

    /// Offers one score; the id is asked for only when it may matter, and may turn out to be nobody's.
    #[inline]
    pub(crate) fn offer(&mut self, dot: f32, id: impl FnOnce() -> Option<&'a str>) {
        // Rounding may pass 1 by a hair, and -0 must equal 0 for ties to be ties.
        let score = dot.clamp(-1.0, 1.0) + 0.0;
        if score < self.least {
            return;
        }
        let Some(id) = id() else { return };
        let candidate = Candidate { score, id };
        if self.heap.len() == self.limit {
            match self.heap.peek() {
                Some(worst) if candidate < *worst => drop(self.heap.pop()),
                _ => return,
            }
        }
        self.heap.push(candidate);
        if self.heap.len() == self.limit {
            self.least = self.heap.peek().map_or(self.least, |worst| worst.score);
        }
    }

    /// The best, best first.
    pub(crate) fn into_sorted(self) -> Vec<(f32, &'a str)> {
        self.heap.into_sorted_vec().into_iter().map(|c| (c.score, c.id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_sorting_everything() {
        let ids: Vec<String> = (0..97).map(|i| format!("r{}", i * 31 % 97)).collect();
        // Few distinct scores, so that ties are the rule; both zeros among them.
        let scores = [0.5, -0.25, 1.000_001, 0.0, -0.0, 1.0];
        let offered: Vec<(f32, &str)> =
            ids.iter().enumerate().map(|(i, id)| (scores[i % 6], id.as_str())).collect();
        for limit in [1, 2, 7, 50, 97, 200] {
            for min_score in [None, Some(0.0), Some(0.7), Some(1.0)] {
                let mut top = Top::new(limit, min_score);
                offered.iter().for_each(|&(score, id)| top.offer(score, || Some(id)));
                let mut sorted: Vec<(f32, &str)> = offered
                    .iter()
                    .map(|&(s, id)| (if s > 1.0 { 1.0 } else { s }, id))
                    .filter(|&(s, _)| min_score.is_none_or(|m| s >= m))
                    .collect();
                sorted.sort_by(|a, b| b.0.partial_cmp(&a.0).expect("numbers").then(a.1.cmp(b.1)));
                sorted.truncate(limit);
                assert_eq!(top.into_sorted(), sorted, "limit {limit}, min_score {min_score:?}");
            }
        }
    }
}
