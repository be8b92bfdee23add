//! Neighbours and votes against all pairs, one by one.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn random(n: usize, len: usize, classes: usize, seed: u64) -> Features {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let embeddings = (0..n * len).map(|_| random.random_range(-1.0..1.0)).collect();
    Features {
        embedding_len: len,
        embeddings,
        labels: Labels::Classes((0..n).map(|i| (i * 7) % classes).collect()),
    }
}

/// The definition, loop by loop, in f64.
fn brute(bank: &Features, queries: &Features, k: usize) -> Vec<Vec<(f64, usize)>> {
    let norm = |row: &[f32]| row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    (0..queries.len())
        .map(|q| {
            let query = queries.row(q);
            let mut all: Vec<(f64, usize)> = (0..bank.len())
                .map(|b| {
                    let row = bank.row(b);
                    let dot: f64 = query.iter().zip(row).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
                    (dot / (norm(query) * norm(row)), bank.labels.classes().unwrap()[b])
                })
                .collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            all.truncate(k);
            all
        })
        .collect()
}

#[test]
fn agrees_with_loops_over_several_blocks() {
    let (bank, queries) = (random(BANK * 2 + 17, 9, 5, 1), random(QUERIES * 3 + 5, 9, 5, 2));
    let mut told = Vec::new();
    let found = Neighbours::find(&bank, &queries, 40, &mut |done| told.push(done)).unwrap();
    assert_eq!(told.last(), Some(&queries.len()));
    for (list, expected) in found.lists.iter().zip(brute(&bank, &queries, 40)) {
        assert_eq!(list.len(), 40);
        for (a, b) in list.iter().zip(&expected) {
            assert!((f64::from(a.0) - b.0).abs() < 1e-6, "{a:?} {b:?}");
        }
    }
    let weighted = found.votes(5, 20, Vote::Weighted { temperature: 0.1 });
    for (votes, list) in weighted.iter().zip(brute(&bank, &queries, 20)) {
        let mut expected = [0.0; 5];
        list.iter().for_each(|(cosine, label)| expected[*label] += (cosine / 0.1).exp());
        let all: f64 = expected.iter().sum();
        for (a, b) in votes.iter().zip(expected) {
            assert!((f64::from(*a) - b / all).abs() < 1e-5, "{votes:?} {expected:?}");
        }
    }
}

#[test]
fn a_small_bank_gives_all_it_has_and_ties_go_to_the_earlier_row() {
    let bank = Features {
        embedding_len: 2,
        embeddings: vec![1.0, 0.0, 2.0, 0.0, 0.0, 3.0],
        labels: Labels::Classes(vec![1, 0, 2]),
    };
    let queries = Features {
        embedding_len: 2,
        embeddings: vec![5.0, 0.0, 0.0, 0.0],
        labels: Labels::Classes(vec![0, 0]),
    };
    let found = Neighbours::find(&bank, &queries, 200, &mut |_| {}).unwrap();
    assert_eq!(found.lists[0], [(1.0, 0), (1.0, 1), (0.0, 2)]);
    assert_eq!(found.lists[1].len(), 3);
    assert_eq!(found.votes(3, 2, Vote::Plain)[0], [0.5, 0.5, 0.0]);
    assert_eq!(Neighbours::find(&bank, &queries, 1, &mut |_| {}).unwrap().lists[0], [(1.0, 0)]);
    let other = Features { embedding_len: 1, embeddings: vec![1.0], labels: Labels::Classes(vec![0]) };
    assert!(matches!(Neighbours::find(&bank, &other, 1, &mut |_| {}), Err(EvalError::Length { .. })));
}

#[test]
fn neighbours_that_show_several_classes_vote_for_each() {
    let (a, d, p) = (Mark::Absent, Mark::Difficult, Mark::Present);
    let marks = vec![p, p, a, a, p, d, a, a, p];
    let labels = Labels::Marks { classes: 3, marks };
    let bank = Features { embedding_len: 2, embeddings: vec![1.0, 0.0, 1.0, 0.1, 0.0, 1.0], labels };
    let found = Neighbours::find(&bank, &bank, 2, &mut |_| {}).unwrap();
    assert_eq!(found.votes(3, 2, Vote::Plain)[0], [0.5, 1.0, 0.0]);
}
