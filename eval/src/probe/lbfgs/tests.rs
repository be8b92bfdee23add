//! Minima that are known beforehand.

use super::*;

/// Rosenbrock's valley, in `n` numbers.
struct Valley;

impl Objective for Valley {
    fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut value = 0.0;
        for i in 0..x.len() - 1 {
            let (bend, rest) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
            value += 100.0 * bend * bend + rest * rest;
            gradient[i] += -400.0 * x[i] * bend - 2.0 * rest;
            gradient[i + 1] += 200.0 * bend;
        }
        value
    }
}

/// ½ Σ cᵢ (xᵢ − i)², with 1/cᵢ as preconditioner.
struct Bowl(Vec<f64>, bool);

impl Objective for Bowl {
    fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for (i, c) in self.0.iter().enumerate() {
            let off = x[i] - i as f64;
            value += 0.5 * c * off * off;
            gradient[i] = c * off;
        }
        value
    }

    fn precondition(&self, vector: &mut [f64]) {
        if self.1 {
            vector.iter_mut().zip(&self.0).for_each(|(v, c)| *v /= c);
        }
    }
}

fn at(point: Vec<f64>) -> Start {
    Start { point, ..Start::default() }
}

#[test]
fn finds_the_bottom_of_a_curved_valley() {
    let stop = Stop { tolerance: 1e-9, evaluations_max: 500 };
    let minimum = minimise(&Valley, at(vec![-1.2; 20]), stop);
    assert_eq!(minimum.failure, None);
    assert!(minimum.point.iter().all(|x| (x - 1.0).abs() < 1e-8), "{:?}", minimum.point);
    assert!(minimum.size <= 1e-9 && minimum.evaluations < 200, "{}", minimum.evaluations);
}

#[test]
fn an_exact_preconditioner_needs_one_step() {
    let curvatures: Vec<f64> = (0..50).map(|i| 10_f64.powf(f64::from(i) / 16.0)).collect();
    let stop = Stop { tolerance: 1e-8, evaluations_max: 10_000 };
    let with = minimise(&Bowl(curvatures.clone(), true), at(vec![0.0; 50]), stop);
    let without = minimise(&Bowl(curvatures, false), at(vec![0.0; 50]), stop);
    assert_eq!((with.failure, without.failure), (None, None));
    assert!(with.evaluations <= 3, "{}", with.evaluations);
    assert!(without.evaluations > 30);
    for (i, (a, b)) in with.point.iter().zip(&without.point).enumerate() {
        assert!((a - i as f64).abs() < 1e-7 && (b - i as f64).abs() < 1e-7);
    }
}

#[test]
fn a_memory_stiffened_is_that_of_the_stiffer_function() {
    let soft: Vec<f64> = (0..12).map(|i| 1.0 + f64::from(i)).collect();
    let stiff: Vec<f64> = soft.iter().enumerate().map(|(i, c)| if i < 9 { c + 7.0 } else { *c }).collect();
    let stop = Stop { tolerance: 1e-10, evaluations_max: 100 };
    let learned = minimise(&Bowl(soft, false), at(vec![0.0; 12]), stop);
    let mut memory = learned.memory;
    memory.stiffen(7.0, 9);
    for pair in &memory.pairs {
        for (i, c) in stiff.iter().enumerate() {
            assert!((pair.change[i] - c * pair.step[i]).abs() < 1e-9);
        }
    }
    // What it has learned of twelve curvatures is enough for a few steps elsewhere.
    let start = Start { memory, ..at(vec![5.0; 12]) };
    let (warm, cold) = (
        minimise(&Bowl(stiff.clone(), false), start, stop),
        minimise(&Bowl(stiff, false), at(vec![5.0; 12]), stop),
    );
    assert!(warm.evaluations < cold.evaluations, "{} {}", warm.evaluations, cold.evaluations);
}

#[test]
fn says_when_it_has_not_converged() {
    let stop = Stop { tolerance: 1e-9, evaluations_max: 5 };
    assert_eq!(minimise(&Valley, at(vec![-1.2; 20]), stop).failure, Some("too many evaluations"));
    let lost = minimise(&Bowl(vec![1.0], false), at(vec![f64::NAN]), stop);
    assert_eq!(lost.failure, Some("the objective is not finite"));
}
