//! Minima for one penalty after another: each fit begins where the minima before it point to, or where the last one is if
//! that is lower, knows value and gradient there already, and keeps what was learned about the curvature.

use std::collections::VecDeque;

use super::blocks::Blocks;
use super::lbfgs::{Minimum, Objective, Start, Stop, add, dot, minimise};
use super::loss::Targets;
use super::moments::Moments;
use super::objective::Regression;
use crate::{EvalError, Features};

/// Converged when no entry of the gradient exceeds this, measured in its feature's spread.
pub(super) const TOLERANCE: f64 = 1e-6;
const EVALUATIONS_MAX: usize = 3000;
/// Minima through which a curve over ln λ is laid, to begin on it: three, by a trial of two to five.
const CURVE: usize = 3;
/// Share of a fit's evaluations that its blocks may cost.
const BLOCKS_SHARE: usize = 2;
/// Evaluations after which blocks are made anew.
const LEG: usize = 40;
/// Evaluations that a fit is thought to need which begins near its end.
const NEAR: usize = 60;

/// Where a path has come to.
pub(crate) struct Path<'a> {
    features: &'a Features,
    targets: Targets<'a>,
    classes: usize,
    moments: &'a Moments,
    tolerance: f64,
    start: Start,
    /// Of the last minimum.
    penalty: f64,
    curvature: Option<f64>,
    /// ln λ and place of the last minima, newest last.
    ends: VecDeque<(f64, Vec<f64>)>,
    /// Evaluations that the longest fit without blocks has needed.
    longest: usize,
}

impl<'a> Path<'a> {
    /// Begins at `point`, or at zero.
    pub(crate) fn new(
        features: &'a Features,
        targets: Targets<'a>,
        classes: usize,
        moments: &'a Moments,
        tolerance: f64,
    ) -> Self {
        let point = vec![0.0; Regression::len(classes, features.embedding_len)];
        let start = Start { point, ..Start::default() };
        Self {
            features,
            targets,
            classes,
            moments,
            tolerance,
            start,
            penalty: 0.0,
            curvature: Some(targets.curvature_at_zero(classes)),
            ends: VecDeque::new(),
            longest: 0,
        }
    }

    /// Begins elsewhere than at zero.
    pub(crate) fn from(self, point: Vec<f64>) -> Self {
        Self { start: Start { point, ..Start::default() }, curvature: None, longest: NEAR, ..self }
    }

    /// Goes on to the minimum for `penalty`, λ of the mean objective.
    pub(crate) fn advance(&mut self, penalty: f64) -> Result<Minimum, EvalError> {
        let stop = Stop { tolerance: self.tolerance, evaluations_max: EVALUATIONS_MAX };
        let mut objective = self.objective(penalty, self.curvature)?;
        let last = self.last_for(penalty);
        let (start, evaluations) = self.ahead(&objective, penalty, last);
        let mut end = self.descend(&mut objective, start, penalty);
        end.evaluations += evaluations;
        if end.failure.is_some() {
            // What was learned at the last penalty misleads where few rows are left to bend: begin anew, by the bound.
            let point = vec![0.0; Regression::len(self.classes, self.features.embedding_len)];
            objective = self.objective(penalty, None)?;
            end = minimise(&objective, Start { point, ..Start::default() }, stop);
        }
        if let Some(reason) = end.failure {
            return Err(not_converged(penalty, end.size, end.evaluations, reason));
        }
        let known = Some((end.value, end.gradient.clone()));
        self.start = Start { point: end.point.clone(), known, memory: end.memory.clone() };
        if self.ends.len() == CURVE {
            self.ends.pop_front();
        }
        self.ends.push_back((penalty.ln(), end.point.clone()));
        (self.penalty, self.curvature) = (penalty, Some(objective.curvature()));
        Ok(end)
    }

    /// Walks to the minimum, by blocks where they are worth it: made anew now and then, for they say how things bend where
    /// they were made.
    fn descend(&mut self, objective: &mut Regression<'a>, mut start: Start, penalty: f64) -> Minimum {
        let (rows, worth) = ((self.features, self.targets, self.classes), self.longest / BLOCKS_SHARE);
        let mut evaluations = 0;
        loop {
            let blocks = Blocks::at(&start.point, rows, self.moments, penalty, worth);
            let plain = blocks.is_none();
            objective.divide_by(blocks);
            let leg = if plain { EVALUATIONS_MAX } else { LEG };
            let evaluations_max = leg.min(EVALUATIONS_MAX - evaluations);
            let mut end = minimise(objective, start, Stop { tolerance: self.tolerance, evaluations_max });
            let tired = end.failure.is_some() && end.evaluations >= evaluations_max;
            evaluations += end.evaluations;
            if !tired || evaluations >= EVALUATIONS_MAX {
                if plain {
                    self.longest = self.longest.max(evaluations);
                }
                end.evaluations = evaluations;
                return end;
            }
            start = Start { point: end.point, known: Some((end.value, end.gradient)), memory: end.memory };
        }
    }

    fn objective(&self, penalty: f64, curvature: Option<f64>) -> Result<Regression<'a>, EvalError> {
        let how = (penalty, curvature);
        Regression::new(self.features, self.targets, self.classes, self.moments, how)
            .ok_or_else(|| not_converged(penalty, f64::NAN, 0, "the features' covariance is not finite"))
    }

    /// The last minimum, with value, gradient and memory as they are for another penalty.
    fn last_for(&mut self, penalty: f64) -> Start {
        let mut start = std::mem::take(&mut self.start);
        let (by, weights) = (penalty - self.penalty, self.classes * self.features.embedding_len);
        if let Some((value, gradient)) = &mut start.known {
            let point = &start.point[..weights];
            *value += 0.5 * by * dot(point, point);
            add(&mut gradient[..weights], by, point);
            start.memory.stiffen(by, weights);
        }
        start
    }

    /// Where the last minima point to, if that is lower than `last`, and how many evaluations it took to know.
    fn ahead(&self, objective: &Regression<'_>, penalty: f64, last: Start) -> (Start, usize) {
        let Some((value, gradient)) = &last.known else {
            return (last, 0);
        };
        if self.ends.len() < 2 || objective.size(gradient) <= self.tolerance {
            return (last, 0);
        }
        let point = extrapolate(&self.ends, penalty.ln());
        let mut gradient = vec![0.0; point.len()];
        let found = objective.evaluate(&point, &mut gradient);
        if found < *value { (Start { point, known: Some((found, gradient)), ..last }, 1) } else { (last, 1) }
    }
}

/// The polynomial through all `ends`, at `to` (Lagrange's form).
fn extrapolate(ends: &VecDeque<(f64, Vec<f64>)>, to: f64) -> Vec<f64> {
    let mut point = vec![0.0; ends.front().map_or(0, |(_, point)| point.len())];
    for (i, (at, end)) in ends.iter().enumerate() {
        let others = ends.iter().enumerate().filter(|(j, _)| *j != i);
        add(&mut point, others.map(|(_, (other, _))| (to - other) / (at - other)).product(), end);
    }
    point
}

fn not_converged(penalty: f64, gradient: f64, evaluations: usize, reason: &'static str) -> EvalError {
    EvalError::NotConverged { penalty, gradient, evaluations, reason }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Labels;

    #[test]
    fn minima_reached_along_the_path_by_blocks_are_those_reached_from_zero_without() {
        let (rows, len, classes) = (3000, 24, 4);
        let mut random = ChaCha8Rng::seed_from_u64(6);
        let mut embeddings = Vec::new();
        let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
        for label in &labels {
            let common: f32 = random.random_range(-3.0..3.0);
            for feature in 0..len {
                let centre = if feature % classes == *label { 1.0 } else { 0.0 };
                embeddings
                    .push(centre + common * (feature as f32 / 8.0).sin() + random.random_range(-1.0..1.0));
            }
        }
        let features = Features { embedding_len: len, embeddings, labels: Labels::Classes(labels) };
        let (moments, targets) = (Moments::of(&features), Targets::from(&features.labels));
        let mut path = Path::new(&features, targets, classes, &moments, 1e-9);
        let (mut by_blocks, mut plain) = (0, 0);
        for step in 0..10 {
            let penalty = 10_f64.powf(-0.5 * f64::from(step));
            let found = path.advance(penalty).unwrap();
            let alone = Path::new(&features, targets, classes, &moments, 1e-9).advance(penalty).unwrap();
            assert!((found.value - alone.value).abs() < 1e-12, "{penalty}: {} {}", found.value, alone.value);
            if step > 5 {
                by_blocks += found.evaluations;
                plain += alone.evaluations;
            }
        }
        assert!(2 * by_blocks < plain, "{by_blocks} {plain}");
    }
}
