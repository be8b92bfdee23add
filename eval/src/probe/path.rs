//! Minima for one penalty after another: each fit begins where the one before ended, knows value and gradient there
//! already, and keeps what was learned about the curvature.

use super::lbfgs::{Minimum, Start, Stop, add, dot, minimise};
use super::loss::Targets;
use super::moments::Moments;
use super::objective::Regression;
use crate::{EvalError, Features};

/// Converged when no entry of the gradient exceeds this, measured in its feature's spread.
pub(super) const TOLERANCE: f64 = 1e-6;
const EVALUATIONS_MAX: usize = 3000;

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
        }
    }

    /// Begins elsewhere than at zero.
    pub(crate) fn from(self, point: Vec<f64>) -> Self {
        Self { start: Start { point, ..Start::default() }, curvature: None, ..self }
    }

    /// Goes on to the minimum for `penalty`, λ of the mean objective.
    pub(crate) fn advance(&mut self, penalty: f64) -> Result<Minimum, EvalError> {
        let stop = Stop { tolerance: self.tolerance, evaluations_max: EVALUATIONS_MAX };
        let mut objective = self.objective(penalty, self.curvature)?;
        let mut end = minimise(&objective, self.start_for(penalty), stop);
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
        (self.penalty, self.curvature) = (penalty, Some(objective.curvature()));
        Ok(end)
    }

    fn objective(&self, penalty: f64, curvature: Option<f64>) -> Result<Regression<'a>, EvalError> {
        let how = (penalty, curvature);
        Regression::new(self.features, self.targets, self.classes, self.moments, how)
            .ok_or_else(|| not_converged(penalty, f64::NAN, 0, "the features' covariance is not finite"))
    }

    /// The last minimum, with value, gradient and memory as they are for another penalty.
    fn start_for(&mut self, penalty: f64) -> Start {
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
}

fn not_converged(penalty: f64, gradient: f64, evaluations: usize, reason: &'static str) -> EvalError {
    EvalError::NotConverged { penalty, gradient, evaluations, reason }
}
