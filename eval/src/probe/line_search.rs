//! How far to go along a direction: a step that satisfies the strong Wolfe conditions (Nocedal & Wright, algorithms 3.5
//! and 3.6, cubic interpolation).

use super::lbfgs::{Objective, add, dot};

/// A point on the line with all that is known there.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) step: f64,
    pub(super) point: Vec<f64>,
    pub(super) gradient: Vec<f64>,
    pub(super) value: f64,
    pub(super) slope: f64,
}

/// Why there is no step.
#[derive(Debug)]
pub(super) enum Failure {
    /// The direction is not downhill, or rounding hides the descent.
    NoDescent,
}

/// Share of the promised descent that must be kept.
const ENOUGH_DESCENT: f64 = 1e-4;
/// Share of the first slope that may remain.
const FLAT_ENOUGH: f64 = 0.9;
const TRIALS_MAX: usize = 30;

/// Looks along `direction` from `start`, trying the whole step first.
pub(super) fn search(
    objective: &dyn Objective,
    start: &Place,
    direction: &[f64],
    evaluations: &mut usize,
) -> Result<Place, Failure> {
    let first_slope = dot(&start.gradient, direction);
    if first_slope >= 0.0 || !first_slope.is_finite() {
        return Err(Failure::NoDescent);
    }
    let origin = Place { step: 0.0, slope: first_slope, ..start.clone() };
    let line = Line { objective, origin: &origin, direction };
    let mut before = origin.clone();
    let mut step = 1.0;
    for trial in 0..TRIALS_MAX {
        let place = line.at(step, evaluations);
        if line.too_high(&place) || (trial > 0 && place.value >= before.value) {
            return line.zoom(before, place, evaluations);
        }
        if line.flat(&place) {
            return Ok(place);
        }
        if place.slope >= 0.0 {
            return line.zoom(place, before, evaluations);
        }
        step = 2.0 * place.step;
        before = place;
    }
    Err(Failure::NoDescent)
}

struct Line<'a> {
    objective: &'a dyn Objective,
    origin: &'a Place,
    direction: &'a [f64],
}

impl Line<'_> {
    fn at(&self, step: f64, evaluations: &mut usize) -> Place {
        let mut point = self.origin.point.clone();
        add(&mut point, step, self.direction);
        let mut gradient = vec![0.0; point.len()];
        let value = self.objective.evaluate(&point, &mut gradient);
        *evaluations += 1;
        let slope = dot(&gradient, self.direction);
        Place { step, point, gradient, value, slope }
    }

    fn too_high(&self, place: &Place) -> bool {
        let allowed = self.origin.value + ENOUGH_DESCENT * place.step * self.origin.slope;
        place.value.is_nan() || place.value > allowed
    }

    fn flat(&self, place: &Place) -> bool {
        place.slope.abs() <= -FLAT_ENOUGH * self.origin.slope
    }

    /// Narrows the interval between the lower end and the other until a step between them is good enough.
    fn zoom(&self, mut low: Place, mut high: Place, evaluations: &mut usize) -> Result<Place, Failure> {
        for _ in 0..TRIALS_MAX {
            let place = self.at(between(&low, &high), evaluations);
            if self.too_high(&place) || place.value >= low.value {
                high = place;
            } else {
                if self.flat(&place) {
                    return Ok(place);
                }
                if place.slope * (high.step - low.step) >= 0.0 {
                    high = low;
                }
                low = place;
            }
        }
        // Not flat enough, but lower than the start: still progress.
        if low.step > 0.0 { Ok(low) } else { Err(Failure::NoDescent) }
    }
}

/// The minimum of the cubic through both ends, kept away from them; the middle where there is none.
fn between(low: &Place, high: &Place) -> f64 {
    let width = high.step - low.step;
    let middle = low.step + 0.5 * width;
    let a = low.slope + high.slope - 3.0 * (low.value - high.value) / (low.step - high.step);
    let inside = a * a - low.slope * high.slope;
    if !inside.is_finite() || inside < 0.0 {
        return middle;
    }
    let b = width.signum() * inside.sqrt();
    let step = high.step - width * (high.slope + b - a) / (high.slope - low.slope + 2.0 * b);
    let (least, most) = (low.step + 0.1 * width, low.step + 0.9 * width);
    if step.is_finite() { step.clamp(least.min(most), least.max(most)) } else { middle }
}
