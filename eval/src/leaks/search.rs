//! Which training picture each test picture may be: the nearest embeddings, the nearest hashes, equal pixels.

use std::collections::HashMap;

use rayon::prelude::*;

use super::print::Print;
use super::{Options, align};
use crate::{EvalError, Features, Labels, Neighbours};

/// Bits of 56 in which hashes may differ to be worth a closer look.
const HASH_BITS: u32 = 6;
/// Pictures with the same hash that are looked at.
const SAME_HASH_MAX: usize = 8;
/// Test pictures judged between two reports of progress.
const CHUNK: usize = 512;
/// Cosine, the mean training embedding subtracted, from which a cut-out is searched for even where nothing else is alike.
const LIKELY: f32 = 0.8;

/// What is known of some pictures.
pub(super) struct Seen {
    /// What each looks like.
    pub(super) prints: Vec<Print>,
    /// Their embeddings, row by row.
    pub(super) embeddings: Vec<f32>,
    /// Length of each.
    pub(super) embedding_len: usize,
}

/// One test picture and the training picture most like it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Match {
    pub(super) test: usize,
    pub(super) train: usize,
    pub(super) is_exact: bool,
    pub(super) cosine: f32,
    pub(super) hash_bits: u32,
    pub(super) similarity: f32,
}

/// For each test picture the training picture most like it, where it is alike enough; in the order of test pictures.
/// `progress` is told how many are done.
pub(super) fn find(
    train: &Seen,
    test: &Seen,
    options: &Options,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Match>, EvalError> {
    let (bank, queries) = centred(train, test);
    let neighbours = Neighbours::find(&bank, &queries, options.neighbours, &mut |_| {})?;
    let mut by_pixels: HashMap<[u8; 32], usize> = HashMap::new();
    for (index, print) in train.prints.iter().enumerate() {
        by_pixels.entry(print.exact).or_insert(index);
    }
    let mut matches = Vec::new();
    for start in (0..test.prints.len()).step_by(CHUNK) {
        let end = (start + CHUNK).min(test.prints.len());
        let found = (start..end).into_par_iter().filter_map(|index| {
            let near = &neighbours.lists[index];
            let (at, is_exact, similarity) = most_alike(&test.prints[index], near, &by_pixels, train)?;
            let cosine = cosine(queries.row(index), bank.row(at));
            let hash_bits = test.prints[index].bits_from(&train.prints[at]);
            let found = Match { test: index, train: at, is_exact, cosine, hash_bits, similarity };
            (similarity >= options.above).then_some(found)
        });
        matches.extend(found.collect::<Vec<_>>());
        progress(end);
    }
    Ok(matches)
}

/// Embeddings with the mean training embedding subtracted: what all pictures share says nothing.
fn centred(train: &Seen, test: &Seen) -> (Features, Features) {
    let features = |seen: &Seen| Features {
        embedding_len: seen.embedding_len,
        embeddings: seen.embeddings.clone(),
        labels: Labels::Classes((0..seen.prints.len()).collect()),
    };
    let (mut bank, mut queries) = (features(train), features(test));
    let mean = bank.mean();
    bank.shift(&mean);
    queries.shift(&mean);
    (bank, queries)
}

/// The training picture most like a test picture: which, whether every pixel is equal, how alike.
fn most_alike(
    print: &Print,
    near: &[(f32, usize)],
    by_pixels: &HashMap<[u8; 32], usize>,
    train: &Seen,
) -> Option<(usize, bool, f32)> {
    if let Some(&at) = by_pixels.get(&print.exact) {
        return Some((at, true, 1.0));
    }
    let by_embedding =
        near.iter().enumerate().map(|(rank, &(cosine, at))| (at, rank == 0 && cosine >= LIKELY));
    let hashes = [print.hash, print.mirrored_hash];
    let by_hash = hashes.into_iter().flat_map(|hash| alike_by_hash(hash, train)).map(|at| (at, false));
    let judged = by_embedding.chain(by_hash).map(|(at, is_likely)| {
        (at, false, align::similarity(&print.shades, &train.prints[at].shades, is_likely))
    });
    judged.reduce(|best, next| if next.2 > best.2 { next } else { best })
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "at most 1 in size")]
    let cosine = if norms > 0.0 { (dot(a, b) / norms) as f32 } else { 0.0 };
    cosine
}

/// The training pictures of the nearest hash, if it is near enough.
fn alike_by_hash(hash: u64, train: &Seen) -> Vec<usize> {
    let (mut nearest, mut found) = (HASH_BITS, Vec::new());
    for (at, print) in train.prints.iter().enumerate() {
        let bits = (print.hash ^ hash).count_ones();
        if bits < nearest {
            nearest = bits;
            found.clear();
        }
        if bits == nearest && found.len() < SAME_HASH_MAX {
            found.push(at);
        }
    }
    found
}
