//! Comparisons of made-up outcomes.

use super::*;
use crate::{Counts, Score};

fn outcome(metric: &str, value: f64) -> Outcome {
    let score = Score {
        encoder: "e".to_owned(),
        data: "d".to_owned(),
        split: "test".to_owned(),
        method: "linear".to_owned(),
        metric: metric.to_owned(),
        value,
        pictures: 4,
        interval: None,
    };
    Outcome {
        fingerprint: String::new(),
        encoder: "e".to_owned(),
        space_key: String::new(),
        dataset: "d".to_owned(),
        classes: vec!["x".to_owned(), "y".to_owned()],
        split_name: "test".to_owned(),
        pictures: Counts::default(),
        scores: vec![score],
        probe: None,
        broken: Vec::new(),
    }
}

fn predictions(scores: Vec<f32>, labels: Labels) -> Predictions {
    Predictions { classes: 2, scores, labels, knn: Vec::new() }
}

/// Scores that guess class 0 where told.
fn guesses(zeros: &[bool]) -> Vec<f32> {
    zeros.iter().flat_map(|zero| if *zero { [0.9, 0.1] } else { [0.1, 0.9] }).collect()
}

#[test]
fn significance_decides_what_is_bold() {
    let labels = Labels::Classes(vec![0; 40]);
    let names: Vec<String> = (0..40).map(|i| i.to_string()).collect();
    let compared = |right_in_b: usize| {
        let all = predictions(guesses(&[true; 40]), labels.clone());
        let some: Vec<bool> = (0..40).map(|i| i < right_in_b).collect();
        let some = predictions(guesses(&some), labels.clone());
        let (a, b) = (outcome("top-1", 100.0), outcome("top-1", right_in_b as f64 * 2.5));
        compare((&a, &all, &names), (&b, &some, &names), 1).unwrap()
    };
    let close = compared(36);
    assert!((close.mcnemar.unwrap() - 0.125).abs() < 1e-12 && (close.p - 0.125).abs() < 0.006, "{close:?}");
    assert!(close.a_is_bold && close.b_is_bold);
    let far = compared(30);
    assert!(far.p < 0.01 && far.a_is_bold && !far.b_is_bold, "{far:?}");
    let table = comparison_table(("one", "two"), &[close, far]);
    assert!(table.contains("| **100.00** | **90.00** | 0.1"), "{table}");
    assert!(table.contains("| **100.00** | 75.00 | 0.00"), "{table}");
}

#[test]
fn small_classes_and_marks_have_their_own_shares() {
    let labels = Labels::Classes(vec![0, 0, 0, 1]);
    let a = predictions(guesses(&[true, true, true, true]), labels.clone());
    let b = predictions(guesses(&[true, true, false, false]), labels);
    let (tested, found) = differences(&a, &b, "mean per class");
    assert_eq!((tested, found), ("mean per class", vec![0.0, 0.0, 1.0 / 3.0, -1.0]));
    let (absent, difficult, present) = (Mark::Absent, Mark::Difficult, Mark::Present);
    assert!((accuracy(&[0.9, 0.1, 0.2], &[present, present, difficult]) - 0.5).abs() < 1e-12);
    assert!(accuracy(&[0.9], &[absent]).abs() < 1e-12);
}

#[test]
fn outcomes_of_other_pictures_or_without_a_probe_are_refused() {
    let labels = Labels::Classes(vec![0, 1]);
    let names = ["1".to_owned(), "2".to_owned()];
    let a = predictions(guesses(&[true, false]), labels.clone());
    let plain = outcome("top-1", 100.0);
    let other = ["1".to_owned(), "3".to_owned()];
    let text = compare((&plain, &a, &names), (&plain, &a, &other), 0).unwrap_err().to_string();
    assert!(text.contains("same test pictures"), "{text}");
    let none = Outcome { scores: Vec::new(), ..plain.clone() };
    let text = compare((&none, &a, &names), (&plain, &a, &names), 0).unwrap_err().to_string();
    assert!(text.contains("linear probe"), "{text}");
}
