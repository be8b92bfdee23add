//! Repeatable numbers, clustered vectors, and the slow honest twin of a search.

#![allow(dead_code)]

use simclr_search::{CollectionConfig, Query, Record};

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Roughly normal, between -6 and 6.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..12).map(|_| (self.next() >> 40) as f32 / (1u64 << 24) as f32).sum::<f32>() - 6.0
    }

    pub(crate) fn vector(&mut self, dimension: usize) -> Vec<f32> {
        (0..dimension).map(|_| self.normal()).collect()
    }
}

/// `count` vectors around `clusters` centres, as pictures of a few kinds of things would lie.
pub(crate) fn clustered(seed: u64, count: usize, dimension: usize, clusters: usize) -> Vec<Vec<f32>> {
    let mut numbers = Numbers(seed);
    let centres: Vec<Vec<f32>> = (0..clusters).map(|_| numbers.vector(dimension)).collect();
    (0..count)
        .map(|_| {
            let centre = &centres[numbers.below(clusters)];
            centre.iter().map(|c| c + 0.6 * numbers.normal()).collect()
        })
        .collect()
}

pub(crate) fn config(dimension: usize) -> CollectionConfig {
    CollectionConfig::new(dimension, "0123456789abcdef")
}

pub(crate) fn record(id: impl Into<String>, vector: Vec<f32>) -> Record {
    let id = id.into();
    let payload = serde_json::json!({ "of": id });
    Record::new(id, vector, payload)
}

pub(crate) fn query(vector: &[f32], limit: usize) -> Query {
    Query::new(vector.to_vec(), limit)
}

/// Cosine by its definition, in f64.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Every record's id and score, best first.
pub(crate) fn ranking<'a>(
    records: impl IntoIterator<Item = (&'a str, &'a [f32])>,
    query: &[f32],
) -> Vec<(&'a str, f64)> {
    let mut scored: Vec<_> = records.into_iter().map(|(id, vector)| (id, cosine(query, vector))).collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    scored
}
