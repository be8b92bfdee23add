//! Classification by the nearest training embeddings: cosine, exact, in blocks of matrix products.

#[cfg(test)]
mod tests;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use simclr_datasets::Mark;

use crate::{EvalError, Features, Labels};

/// Queries per block: enough to reuse a block of the bank from the cache.
const QUERIES: usize = 128;
/// Bank rows per block.
const BANK: usize = 2048;

/// How neighbours vote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Vote {
    /// One vote each.
    Plain,
    /// exp(cosine / temperature) votes each.
    Weighted {
        /// The temperature.
        temperature: f64,
    },
}

/// For every query its nearest bank rows, nearest first; of equally near rows the earlier.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// Cosine and bank row of each neighbour, query by query.
    pub lists: Vec<Vec<(f32, usize)>>,
    labels: Labels,
}

impl Neighbours {
    /// The `k` nearest of `bank` to each row of `queries`; all, where the bank has fewer. `progress` is told how many
    /// queries are done.
    ///
    /// # Errors
    /// When embeddings of bank and queries differ in length.
    pub fn find(
        bank: &Features,
        queries: &Features,
        k: usize,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self, EvalError> {
        let (expected, found) = (bank.embedding_len, queries.embedding_len);
        if expected != found {
            return Err(EvalError::Length { found, expected });
        }
        let bank_rows = unit_rows(bank);
        let query_rows = unit_rows(queries);
        let mut lists = Vec::with_capacity(queries.len());
        let at_once = QUERIES * rayon::current_num_threads();
        for start in (0..queries.len()).step_by(at_once.max(1)) {
            let end = (start + at_once).min(queries.len());
            let block = query_rows.slice(ndarray::s![start..end, ..]);
            let parts: Vec<_> = block.axis_chunks_iter(ndarray::Axis(0), QUERIES).collect();
            let found: Vec<Vec<Vec<(f32, usize)>>> =
                parts.into_par_iter().map(|part| nearest(&part, &bank_rows, k)).collect();
            lists.extend(found.into_iter().flatten());
            progress(end);
        }
        Ok(Self { lists, labels: bank.labels.clone() })
    }

    /// Votes by class, one row a query, from the `k` nearest: the share of the votes that each class got. Where pictures show several classes, a
    /// neighbour votes for each that it shows.
    pub fn votes(&self, classes: usize, k: usize, vote: Vote) -> Vec<Vec<f32>> {
        self.lists
            .iter()
            .map(|list| {
                let mut votes = vec![0.0_f64; classes];
                let mut all = 0.0;
                for &(cosine, row) in list.iter().take(k) {
                    let weight = match vote {
                        Vote::Plain => 1.0,
                        // From the largest cosine down, so that no temperature overflows.
                        Vote::Weighted { temperature } => ((f64::from(cosine) - 1.0) / temperature).exp(),
                    };
                    all += weight;
                    self.cast(row, weight, &mut votes);
                }
                #[expect(clippy::cast_possible_truncation, reason = "shares between 0 and 1")]
                votes.into_iter().map(|v| if all > 0.0 { (v / all) as f32 } else { 0.0 }).collect()
            })
            .collect()
    }

    fn cast(&self, row: usize, weight: f64, votes: &mut [f64]) {
        match &self.labels {
            Labels::Classes(labels) => votes[labels[row]] += weight,
            Labels::Marks { classes, marks } => {
                for (vote, mark) in votes.iter_mut().zip(&marks[row * classes..]) {
                    if *mark == Mark::Present {
                        *vote += weight;
                    }
                }
            }
        }
    }
}

fn unit_rows(features: &Features) -> Array2<f32> {
    let mut rows = features.embeddings.clone();
    rows.par_chunks_mut(features.embedding_len).for_each(|row| {
        let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        if norm > 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "at most 1 in size")]
            row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
        }
    });
    let mut units = Array2::zeros((features.len(), features.embedding_len));
    units.iter_mut().zip(rows).for_each(|(to, x)| *to = x);
    units
}

fn nearest(queries: &ArrayView2<'_, f32>, bank: &Array2<f32>, k: usize) -> Vec<Vec<(f32, usize)>> {
    let mut best: Vec<Best> = (0..queries.nrows()).map(|_| Best::new(k)).collect();
    for start in (0..bank.nrows()).step_by(BANK) {
        let end = (start + BANK).min(bank.nrows());
        let block = bank.slice(ndarray::s![start..end, ..]);
        let mut cosines = Array2::zeros((queries.nrows(), end - start));
        general_mat_mul(1.0, queries, &block.t(), 0.0, &mut cosines);
        for (best, row) in best.iter_mut().zip(cosines.rows()) {
            for (offset, &cosine) in row.iter().enumerate() {
                best.offer(cosine, start + offset);
            }
        }
    }
    best.into_iter().map(Best::sorted).collect()
}

/// The k best so far, kept in a buffer that is cut back only when it has doubled.
struct Best {
    k: usize,
    floor: f32,
    kept: Vec<(f32, usize)>,
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, floor: f32::NEG_INFINITY, kept: Vec::with_capacity(2 * k) }
    }

    fn offer(&mut self, cosine: f32, index: usize) {
        if cosine <= self.floor {
            return;
        }
        self.kept.push((cosine, index));
        if self.kept.len() >= 2 * self.k.max(1) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.kept.len() > self.k && self.k > 0 {
            self.kept.select_nth_unstable_by(self.k - 1, nearer);
            self.kept.truncate(self.k);
            self.floor = self.kept[self.k - 1].0;
        }
    }

    fn sorted(mut self) -> Vec<(f32, usize)> {
        self.kept.sort_unstable_by(nearer);
        self.kept.truncate(self.k);
        self.kept
    }
}

fn nearer(a: &(f32, usize), b: &(f32, usize)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}
