//! The probe beside scikit-learn's: the same objective and the same predictions, for classes and for marks. The file was made
//! by `golden/probe.py`, which says with what.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::Path;

use safetensors::SafeTensors;
use simclr_datasets::Mark;
use simclr_eval::probe::{Fitted, fit};
use simclr_eval::{Features, Labels};

struct Golden {
    features: Features,
    labels: Labels,
    marks: Labels,
    c: Vec<f64>,
    objective: Vec<f64>,
    marks_objective: Vec<f64>,
    /// For each C, for each test row.
    predicted: Vec<usize>,
    marks_predicted: Vec<bool>,
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/probe.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let data = |name: &str| file.tensor(name).unwrap().data().to_vec();
    let doubles = |name: &str| -> Vec<f64> {
        data(name).as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
    };
    let whole = |name: &str| -> Vec<usize> {
        let numbers = data(name);
        numbers.as_chunks::<4>().0.iter().map(|b| usize::try_from(i32::from_le_bytes(*b)).unwrap()).collect()
    };
    let mark = |byte: u8| [Mark::Absent, Mark::Difficult, Mark::Present][usize::from(byte)];
    let embeddings = data("features").as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let labels = Labels::Classes(whole("labels"));
    Golden {
        features: Features {
            embedding_len: file.tensor("features").unwrap().shape()[1],
            embeddings,
            labels: labels.clone(),
        },
        labels,
        marks: Labels::Marks {
            classes: file.tensor("marks").unwrap().shape()[1],
            marks: data("marks").into_iter().map(mark).collect(),
        },
        c: doubles("c"),
        objective: doubles("objective"),
        marks_objective: doubles("marks_objective"),
        predicted: whole("predicted"),
        marks_predicted: data("marks_predicted").into_iter().map(|b| b > 0).collect(),
    }
}

/// Fits the first rows as scikit-learn did, and returns the fit and the scores of the others.
fn fitted(
    features: &Features,
    labels: &Labels,
    test: usize,
    classes: usize,
    c: f64,
) -> (Fitted, Vec<Vec<f64>>) {
    let train = features.len() - test;
    let all = Features { labels: labels.clone(), ..features.clone() };
    let rows: Vec<usize> = (0..train).collect();
    let fitted = fit(&all.select(&rows), classes, 1.0 / (c * train as f64)).unwrap();
    let score = |row: usize, class: usize| {
        let weights = &fitted.weight[class * features.embedding_len..][..features.embedding_len];
        let products = features.row(row).iter().zip(weights).map(|(x, w)| f64::from(*x) * w);
        fitted.bias[class] + products.sum::<f64>()
    };
    let scores = (train..all.len()).map(|row| (0..classes).map(|class| score(row, class)).collect());
    let scores = scores.collect();
    (fitted, scores)
}

fn assert_close(c: f64, found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() <= 1e-6, "C {c}: {found} where scikit-learn has {expected}");
}

#[test]
fn one_class_a_row() {
    let golden = golden();
    let test = golden.predicted.len() / golden.c.len();
    for (place, &c) in golden.c.iter().enumerate() {
        let (fit, scores) = fitted(&golden.features, &golden.labels, test, 6, c);
        assert_close(c, fit.objective, golden.objective[place]);
        let guess = |row: &Vec<f64>| (0..6).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        let expected = &golden.predicted[place * test..][..test];
        let same = scores.iter().zip(expected).filter(|(row, expected)| guess(row) == **expected).count();
        assert!(same * 1000 >= test * 999, "C {c}: {same} of {test} predictions are the same");
    }
}

#[test]
fn several_classes_a_row_with_difficult_ones_left_out() {
    let golden = golden();
    let test = golden.marks_predicted.len() / golden.c.len() / 4;
    for (place, &c) in golden.c.iter().enumerate() {
        let (fit, scores) = fitted(&golden.features, &golden.marks, test, 4, c);
        assert_close(c, fit.objective, golden.marks_objective[place]);
        let expected = &golden.marks_predicted[place * test * 4..][..test * 4];
        let same =
            scores.concat().iter().zip(expected).filter(|(score, shown)| (**score > 0.0) == **shown).count();
        assert!(same * 1000 >= test * 4 * 999, "C {c}: {same} of {} predictions are the same", test * 4);
    }
}
