//! The metrics on cases worked out by hand.

use simclr_datasets::Mark;

use super::*;

const SCORES: [[f32; 3]; 4] = [[0.1, 0.5, 0.4], [0.2, 0.2, 0.2], [0.0, 0.1, 0.9], [0.4, 0.3, 0.3]];

#[test]
fn counts_hits_and_breaks_ties_by_class() {
    let rows = |labels: [usize; 4]| SCORES.iter().map(<[f32; 3]>::as_slice).zip(labels).collect::<Vec<_>>();
    assert!((top_k(rows([1, 0, 2, 0]), 1) - 100.0).abs() < 1e-12);
    assert!((top_k(rows([2, 1, 2, 2]), 1) - 25.0).abs() < 1e-12);
    assert!((top_k(rows([2, 1, 2, 2]), 2) - 75.0).abs() < 1e-12);
    assert!(top_k(std::iter::empty(), 1).abs() < 1e-12);
    assert_eq!(SCORES.map(|row| first_highest(&row)), [1, 0, 2, 0]);
}

#[test]
fn classes_weigh_the_same_and_those_without_rows_nothing() {
    let (hits, labels) = ([true, true, true, false], [0, 0, 0, 2]);
    assert!((mean_per_class(&hits, &labels, 4, &[1; 4]) - 50.0).abs() < 1e-12);
    // The third row three times, the last never.
    assert!((mean_per_class(&hits, &labels, 4, &[0, 1, 3, 0]) - 100.0).abs() < 1e-12);
}

#[test]
fn calibration_is_the_gap_between_certainty_and_hits() {
    // One bin (0.8, 0.8667] with half the hits; one full bin that is always right.
    let (sure, hits) = ([0.85, 0.85, 1.0, 1.0], [true, false, true, true]);
    assert!((calibration_error(&sure, &hits, &[1; 4]) - 100.0 * 2.0 * 0.35 / 4.0).abs() < 1e-5);
    assert!(calibration_error(&sure, &hits, &[0, 0, 1, 5]).abs() < 1e-12);
}

#[test]
fn the_datasets_own_metric_comes_first_and_misfits_are_refused() {
    let scores: Vec<f32> = SCORES.concat();
    let labels = Labels::Classes(vec![1, 0, 2, 2]);
    let bootstrap = Bootstrap { samples: 200, seed: 1 };
    let found = measure(&scores, &labels, 3, Metric::MeanPerClass, true, bootstrap).unwrap();
    let names: Vec<&str> = found.iter().map(|m| m.metric.as_str()).collect();
    assert_eq!(names, ["mean per class", "top-1", "calibration error"]);
    assert!((found[0].value - 250.0 / 3.0).abs() < 1e-12 && (found[1].value - 75.0).abs() < 1e-12);
    assert!(measure(&scores, &labels, 2, Metric::Top1, true, bootstrap).is_err());
    let (a, d, p) = (Mark::Absent, Mark::Difficult, Mark::Present);
    let labels = Labels::Marks { classes: 2, marks: vec![d, a, p, a, a, p] };
    let scores = [0.9, 0.1, 0.5, 0.2, 0.1, 0.3];
    let found = measure(&scores, &labels, 2, Metric::Map11, true, bootstrap).unwrap();
    assert_eq!((found[0].metric.as_str(), found[0].value), ("11-point mAP", 100.0));
    assert!((found[2].value - 75.0).abs() < 1e-12, "{found:?}");
}

#[test]
fn intervals_are_seeded_and_as_wide_as_theory_says() {
    let labels = vec![0; 2000];
    let scores: Vec<f32> = (0..2000).flat_map(|i| if i % 4 == 0 { [0.0, 1.0] } else { [1.0, 0.0] }).collect();
    let found = |seed| {
        let bootstrap = Bootstrap { samples: 2000, seed };
        let labels = Labels::Classes(labels.clone());
        measure(&scores, &labels, 2, Metric::Top1, false, bootstrap).unwrap()[0].clone()
    };
    let one = found(1);
    assert_eq!(one, found(1));
    assert_ne!(one.interval, found(2).interval);
    // 75 % of 2000: the normal half-width is 1.96·√(0.75·0.25/2000) = 1.898 %.
    assert!((one.value - 75.0).abs() < 1e-12);
    assert!((one.value - one.interval[0] - 1.898).abs() < 0.2, "{one:?}");
    assert!((one.interval[1] - one.value - 1.898).abs() < 0.2, "{one:?}");
}

#[test]
fn intervals_of_percentages_are_percentages() {
    // Half of twelve guesses of probability one half are right, so the error is 0, and that of every draw above it.
    let scores = [0.5, 0.5].repeat(12);
    let labels = Labels::Classes((0..12).map(|row| row % 2).collect());
    let bootstrap = Bootstrap { samples: 200, seed: 1 };
    let found = measure(&scores, &labels, 2, Metric::Top1, true, bootstrap).unwrap();
    let error = found.iter().find(|m| m.metric == "calibration error").unwrap();
    assert!(error.value.abs() < 1e-6 && error.interval[0] >= 0.0, "{error:?}");
}
