//! Every loss against loops in f64 over its formula: values, and gradients by finite differences of the loops.

mod slow;

use tch::Kind;

use super::pairs::Pairs;
use super::*;
use slow::*;

type Rows = Vec<Vec<f64>>;

fn random(rows: i64, width: i64, seed: u64) -> Tensor {
    crate::noise::normal(&[rows, width], seed)
}

fn rows(tensor: &Tensor) -> Rows {
    Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
}

fn labelled(labels: &[i64]) -> Input {
    Input { views: Tensor::zeros([1], (Kind::Float, Device::Cpu)), labels: Tensor::from_slice(labels) }
}

fn nt_xent(temperature: f64, normalise: bool, semi_hard: bool, queue: usize, factor: f64) -> Rule {
    Rule::NtXent { temperature, normalise, semi_hard, queue, factor }
}

fn contrastive() -> Vec<Rule> {
    let mut rules = vec![nt_xent(0.5, true, false, 0, 2.0), nt_xent(0.5, true, false, 5, 1.0)];
    for semi_hard in [false, true] {
        rules.extend([0.1, 1.0].map(|temperature| nt_xent(temperature, true, semi_hard, 0, 1.0)));
        rules.extend([3.0, 10.0].map(|temperature| nt_xent(temperature, false, semi_hard, 7, 1.0)));
        rules.extend([0.1, 1.0].map(|temperature| Rule::NtLogistic { temperature, semi_hard }));
        rules.extend([0.0, 0.4, 1.6].map(|margin| Rule::MarginTriplet { margin, semi_hard }));
    }
    rules
}

/// Loss and gradient of one step, after `objective` was used on other rows.
fn fast(objective: &Objective, z: &Tensor, input: &Input) -> (f64, Rows) {
    let z = z.copy().set_requires_grad(true);
    let loss = objective.loss(&z, input).unwrap();
    let gradient = Tensor::run_backward(&[&loss], &[&z], false, false).remove(0);
    (loss.double_value(&[]), rows(&gradient))
}

/// Central differences of `loss` in every number.
fn differences(z: &Rows, loss: impl Fn(&Rows) -> f64) -> Rows {
    let moved = |i: usize, j: usize, by: f64| {
        let mut z = z.clone();
        z[i][j] += by;
        loss(&z)
    };
    let one = |i, j| (moved(i, j, 1e-6) - moved(i, j, -1e-6)) / 2e-6;
    (0..z.len()).map(|i| (0..z[0].len()).map(|j| one(i, j)).collect()).collect()
}

fn assert_close(fast: &(f64, Rows), value: f64, gradient: &Rows, what: &str) {
    assert!((fast.0 - value).abs() < 1e-5 * value.abs().max(1.0), "{what}: {} not {value}", fast.0);
    let largest = gradient.iter().flatten().fold(1e-2, |m: f64, x| m.max(x.abs()));
    for (a, b) in fast.1.iter().flatten().zip(gradient.iter().flatten()) {
        assert!((a - b).abs() < 1e-4 * largest, "{what}: gradient {a} not {b} of at most {largest}");
    }
}

#[test]
fn contrastive_losses_agree_with_loops() {
    for (pictures, width) in [(1, 3), (2, 2), (5, 4), (9, 16)] {
        for (index, rule) in contrastive().into_iter().enumerate() {
            let mut objective = Objective::new(rule);
            let earlier = random(2 * pictures, width, 40);
            objective.remember(&earlier).unwrap();
            let past: Rows = objective
                .memory()
                .unwrap()
                .chunks(width as usize)
                .map(|row| row.iter().map(|&x| f64::from(x)).collect())
                .collect();
            assert_eq!(past.len(), rule.queue().min(2 * pictures as usize));
            let z = random(2 * pictures, width, index as u64);
            let z_rows = rows(&z);
            let gradient = differences(&z_rows, |z| slow(rule, z, &past));
            let what = format!("{rule:?} on {pictures} pictures");
            assert_close(&fast(&objective, &z, &labelled(&[])), slow(rule, &z_rows, &past), &gradient, &what);
        }
    }
}

#[test]
fn semi_hard_negatives_are_those_of_brute_force() {
    for seed in 0..20 {
        let (z, past) = (random(8, 3, seed), random(5, 3, 100 + seed));
        let pairs = Pairs::new(&z, Some(&past)).unwrap();
        let chosen: Vec<Vec<bool>> = Vec::try_from(pairs.negatives(true).unwrap()).unwrap();
        let (z, past) = (rows(&z), rows(&past));
        for i in 0..8 {
            let twin = (i + 4) % 8;
            for k in 0..13 {
                let other = if k < 8 { &z[k] } else { &past[k - 8] };
                let expected = k != i && k != twin && dot(&z[i], other) < dot(&z[i], &z[twin]);
                assert_eq!(chosen[i][k], expected, "view {i}, {k}");
            }
        }
    }
}

#[test]
fn losses_of_equal_rows_are_those_of_theory() {
    let ones = Tensor::ones([10, 4], (Kind::Float, Device::Cpu));
    let loss = |rule| Objective::new(rule).loss(&ones, &labelled(&[])).unwrap().double_value(&[]);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
    close(loss(nt_xent(0.5, true, false, 0, 1.0)), 9f64.ln());
    close(loss(nt_xent(0.5, true, true, 0, 1.0)), 0.0);
    close(loss(Rule::MarginTriplet { margin: 0.8, semi_hard: false }), 0.8);
    close(loss(Rule::MarginTriplet { margin: 0.8, semi_hard: true }), 0.0);
    close(loss(Rule::NtLogistic { temperature: 1.0, semi_hard: true }), -log_sigmoid(1.0));
    let mut objective = Objective::new(nt_xent(0.5, true, false, 6, 1.0));
    objective.remember(&ones).unwrap();
    close(objective.loss(&ones, &labelled(&[])).unwrap().double_value(&[]), 15f64.ln());
}

/// The queue against the explicit history of all steps, interrupted and put back between them.
#[test]
fn the_queue_is_the_end_of_history() {
    let rule = nt_xent(0.5, true, false, 7, 1.0);
    let mut objective = Objective::new(rule);
    let mut history: Rows = vec![];
    for step in 0..6 {
        let z = random(4, 3, step);
        let past = history[history.len().saturating_sub(7)..].to_vec();
        let (value, gradient) =
            (slow(rule, &rows(&z), &past), differences(&rows(&z), |z| slow(rule, z, &past)));
        assert_close(&fast(&objective, &z, &labelled(&[])), value, &gradient, &format!("step {step}"));
        objective.remember(&z).unwrap();
        history.extend(units(&rows(&z)));
        let memory = objective.memory().unwrap();
        objective = Objective::new(rule);
        objective.restore(&memory, 3, Device::Cpu).unwrap();
        assert_eq!(objective.memory().unwrap(), memory);
    }
    assert!(objective.restore(&[0.0; 24], 3, Device::Cpu).is_err(), "more rows than are remembered");
    assert!(objective.restore(&[0.0; 4], 3, Device::Cpu).is_err(), "no whole rows");
}

#[test]
fn classification_agrees_with_loops() {
    let (logits, labels) = (random(6, 3, 1), [2i64, 0, 1, 1, 2, 0]);
    let slow = |z: &Rows| {
        let one = |(row, &label): (&Vec<f64>, &i64)| {
            row.iter().map(|x| x.exp()).sum::<f64>().ln() - row[label as usize]
        };
        mean(&z.iter().zip(&labels).map(one).collect::<Vec<_>>())
    };
    let objective = Objective::new(Rule::Supervised { classes: 3 });
    let z = rows(&logits);
    let result = fast(&objective, &logits, &labelled(&labels));
    assert_close(&result, slow(&z), &differences(&z, slow), "supervised");

    // Rows are three pictures not turned, the same three turned once, and so on.
    let logits = random(12, 4, 2);
    let slow = |z: &Rows| {
        let one = |row: usize| z[row].iter().map(|x| x.exp()).sum::<f64>().ln() - z[row][row / 3];
        mean(&(0..12).map(one).collect::<Vec<_>>())
    };
    let z = rows(&logits);
    let result = fast(&Objective::new(Rule::Rotation), &logits, &labelled(&[0, 0, 0]));
    assert_close(&result, slow(&z), &differences(&z, slow), "rotation");
}

#[test]
fn turned_copies_are_quarter_turns_in_order() {
    let views = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0]).view([1, 1, 2, 2]);
    let copies: Vec<f32> = Vec::try_from(classification::turned(&views).unwrap().flatten(0, -1)).unwrap();
    assert_eq!(copies[..4], [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(copies[4..8], [2.0, 4.0, 1.0, 3.0]);
    assert_eq!(copies[8..12], [4.0, 3.0, 2.0, 1.0]);
    assert_eq!(copies[12..], [3.0, 1.0, 4.0, 2.0]);
}

#[test]
fn parts_keep_a_pictures_views_together() {
    let views = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([6, 2]);
    let chosen = part(&views, 3, 1, 2).unwrap();
    assert_eq!(rows(&chosen), [[2.0, 3.0], [4.0, 5.0], [8.0, 9.0], [10.0, 11.0]]);
}
