//! A minimiser of smooth functions that has never heard of probes: L-BFGS (Nocedal & Wright, algorithm 7.5) with a
//! strong-Wolfe line search and, where the function offers one, a preconditioner in place of the identity.

use std::collections::VecDeque;

use super::line_search::{Failure, Place, search};

/// A smooth function of many numbers.
pub(crate) trait Objective {
    /// The value at `point`; the gradient is left in `gradient`.
    fn evaluate(&self, point: &[f64], gradient: &mut [f64]) -> f64;

    /// Multiplies a vector by a positive definite guess at the inverse Hessian.
    fn precondition(&self, _vector: &mut [f64]) {}

    /// How far a gradient is from zero; its largest entry unless the function knows better units.
    fn size(&self, gradient: &[f64]) -> f64 {
        gradient.iter().fold(0.0, |most, g| g.abs().max(most))
    }
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    /// Converged when the gradient's size is at most this.
    pub(crate) tolerance: f64,
    /// Give up after so many evaluations.
    pub(crate) evaluations_max: usize,
}

/// Where the minimiser stopped.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    pub(crate) point: Vec<f64>,
    pub(crate) gradient: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) size: f64,
    pub(crate) evaluations: usize,
    /// `None` when converged; otherwise why not.
    pub(crate) failure: Option<&'static str>,
}

/// Steps and changes of the gradient remembered.
const MEMORY: usize = 10;

/// Walks downhill from `start` until the gradient is small enough.
pub(crate) fn minimise(objective: &dyn Objective, start: Vec<f64>, stop: Stop) -> Minimum {
    let mut gradient = vec![0.0; start.len()];
    let value = objective.evaluate(&start, &mut gradient);
    let mut here = Place { step: 0.0, point: start, gradient, value, slope: 0.0 };
    let mut memory: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);
    let mut evaluations = 1;
    loop {
        let size = objective.size(&here.gradient);
        let failure = if !here.value.is_finite() || !size.is_finite() {
            Some("the objective is not finite")
        } else if size <= stop.tolerance {
            None
        } else if evaluations >= stop.evaluations_max {
            Some("too many evaluations")
        } else {
            match downhill(objective, &here, &memory, &mut evaluations) {
                Ok(next) => {
                    remember(&mut memory, &here, &next);
                    here = next;
                    continue;
                }
                // A stale memory can point nowhere useful; the preconditioned gradient always points downhill.
                Err(_) if !memory.is_empty() => {
                    memory.clear();
                    continue;
                }
                Err(Failure::NoDescent) => Some("no step lowers the objective"),
            }
        };
        let Place { point, gradient, value, .. } = here;
        return Minimum { point, gradient, value, size, evaluations, failure };
    }
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse_product: f64,
}

fn downhill(
    objective: &dyn Objective,
    here: &Place,
    memory: &VecDeque<Pair>,
    evaluations: &mut usize,
) -> Result<Place, Failure> {
    let direction = direction(objective, here, memory);
    search(objective, here, &direction, evaluations)
}

/// The two-loop recursion: minus the remembered inverse Hessian times the gradient.
fn direction(objective: &dyn Objective, here: &Place, memory: &VecDeque<Pair>) -> Vec<f64> {
    let mut vector: Vec<f64> = here.gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for pair in memory.iter().rev() {
        let share = pair.inverse_product * dot(&pair.step, &vector);
        add(&mut vector, -share, &pair.change);
        shares.push(share);
    }
    objective.precondition(&mut vector);
    if let Some(last) = memory.back() {
        let mut scaled = last.change.clone();
        objective.precondition(&mut scaled);
        let scale = 1.0 / (last.inverse_product * dot(&last.change, &scaled));
        vector.iter_mut().for_each(|v| *v *= scale);
    }
    for (pair, share) in memory.iter().zip(shares.into_iter().rev()) {
        let back = pair.inverse_product * dot(&pair.change, &vector);
        add(&mut vector, share - back, &pair.step);
    }
    vector
}

fn remember(memory: &mut VecDeque<Pair>, here: &Place, next: &Place) {
    let step = difference(&next.point, &here.point);
    let change = difference(&next.gradient, &here.gradient);
    let product = dot(&step, &change);
    // Strong Wolfe makes the product positive, except where rounding has eaten it.
    if product <= f64::EPSILON * dot(&change, &change) {
        return;
    }
    if memory.len() == MEMORY {
        memory.pop_front();
    }
    memory.push_back(Pair { step, change, inverse_product: 1.0 / product });
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

pub(super) fn add(to: &mut [f64], times: f64, vector: &[f64]) {
    to.iter_mut().zip(vector).for_each(|(t, v)| *t += times * v);
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn finds_the_bottom_of_a_curved_valley() {
        let stop = Stop { tolerance: 1e-9, evaluations_max: 500 };
        let minimum = minimise(&Valley, vec![-1.2; 20], stop);
        assert_eq!(minimum.failure, None);
        assert!(minimum.point.iter().all(|x| (x - 1.0).abs() < 1e-8), "{:?}", minimum.point);
        assert!(minimum.size <= 1e-9 && minimum.evaluations < 200, "{}", minimum.evaluations);
    }

    #[test]
    fn an_exact_preconditioner_needs_one_step() {
        let curvatures: Vec<f64> = (0..50).map(|i| 10_f64.powf(f64::from(i) / 16.0)).collect();
        let stop = Stop { tolerance: 1e-8, evaluations_max: 10_000 };
        let with = minimise(&Bowl(curvatures.clone(), true), vec![0.0; 50], stop);
        let without = minimise(&Bowl(curvatures, false), vec![0.0; 50], stop);
        assert_eq!((with.failure, without.failure), (None, None));
        assert!(with.evaluations <= 3, "{}", with.evaluations);
        assert!(without.evaluations > 30);
        for (i, (a, b)) in with.point.iter().zip(&without.point).enumerate() {
            assert!((a - i as f64).abs() < 1e-7 && (b - i as f64).abs() < 1e-7);
        }
    }

    #[test]
    fn says_when_it_has_not_converged() {
        let stop = Stop { tolerance: 1e-9, evaluations_max: 5 };
        assert_eq!(minimise(&Valley, vec![-1.2; 20], stop).failure, Some("too many evaluations"));
        let lost = minimise(&Bowl(vec![1.0], false), vec![f64::NAN], stop);
        assert_eq!(lost.failure, Some("the objective is not finite"));
    }
}
