//! A minimiser of smooth functions that has never heard of probes: L-BFGS (Nocedal & Wright, algorithm 7.5) with a
//! strong-Wolfe line search and, where the function offers one, a preconditioner in place of the identity.

#[cfg(test)]
mod tests;

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

/// Fewest and most steps remembered.
const MEMORY: (usize, usize) = (5, 40);
/// Floats they may take, about: 256 MiB.
const MEMORY_FLOATS: usize = 32 << 20;

/// Where to begin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    pub(crate) point: Vec<f64>,
    /// Value and gradient there, where they are known already.
    pub(crate) known: Option<(f64, Vec<f64>)>,
    /// What a similar function has taught about the curvature.
    pub(crate) memory: Memory,
}

/// Where the minimiser stopped.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    pub(crate) point: Vec<f64>,
    pub(crate) gradient: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) size: f64,
    pub(crate) evaluations: usize,
    pub(crate) memory: Memory,
    /// `None` when converged; otherwise why not.
    pub(crate) failure: Option<&'static str>,
}

/// Walks downhill from `start` until the gradient is small enough.
pub(crate) fn minimise(objective: &dyn Objective, start: Start, stop: Stop) -> Minimum {
    let Start { point, known, mut memory } = start;
    let mut evaluations = 0;
    let (value, gradient) = known.unwrap_or_else(|| {
        let mut gradient = vec![0.0; point.len()];
        evaluations += 1;
        (objective.evaluate(&point, &mut gradient), gradient)
    });
    let mut here = Place { step: 0.0, point, gradient, value, slope: 0.0 };
    loop {
        let size = objective.size(&here.gradient);
        let failure = if !here.value.is_finite() || !size.is_finite() {
            Some("the objective is not finite")
        } else if size <= stop.tolerance {
            None
        } else if evaluations >= stop.evaluations_max {
            Some("too many evaluations")
        } else {
            match downhill(objective, &here, &memory.pairs, &mut evaluations) {
                Ok(next) => {
                    memory.remember(&here, &next);
                    here = next;
                    continue;
                }
                // A stale memory can point nowhere useful; the preconditioned gradient always points downhill.
                Err(_) if !memory.pairs.is_empty() => {
                    memory.pairs.clear();
                    continue;
                }
                Err(Failure::NoDescent) => Some("no step lowers the objective"),
            }
        };
        let Place { point, gradient, value, .. } = here;
        return Minimum { point, gradient, value, size, evaluations, memory, failure };
    }
}

/// The last steps and how the gradient changed along them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pairs: VecDeque<Pair>,
}

impl Memory {
    /// Makes it that of the function plus `by`/2·‖x‖² over the first `len` numbers.
    pub(crate) fn stiffen(&mut self, by: f64, len: usize) {
        for pair in &mut self.pairs {
            add(&mut pair.change[..len], by, &pair.step[..len]);
            pair.inverse_product = 1.0 / dot(&pair.step, &pair.change);
        }
        self.pairs.retain(Pair::is_sound);
    }

    fn remember(&mut self, here: &Place, next: &Place) {
        let step = difference(&next.point, &here.point);
        let change = difference(&next.gradient, &here.gradient);
        let pair = Pair { inverse_product: 1.0 / dot(&step, &change), step, change };
        if pair.is_sound() {
            let most = (MEMORY_FLOATS / (2 * pair.step.len()).max(1)).clamp(MEMORY.0, MEMORY.1);
            while self.pairs.len() >= most {
                self.pairs.pop_front();
            }
            self.pairs.push_back(pair);
        }
    }
}

#[derive(Debug, Clone)]
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

impl Pair {
    /// Strong Wolfe makes the product positive, except where rounding has eaten it.
    fn is_sound(&self) -> bool {
        1.0 / self.inverse_product > f64::EPSILON * dot(&self.change, &self.change)
    }
}

/// Summed in eight lanes, which processors add at once.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        lanes.iter_mut().zip(a).zip(b).for_each(|((sum, x), y)| *sum += x * y);
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f64>()
}

pub(super) fn add(to: &mut [f64], times: f64, vector: &[f64]) {
    to.iter_mut().zip(vector).for_each(|(t, v)| *t += times * v);
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}
