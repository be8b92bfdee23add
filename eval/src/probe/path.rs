//! Minima for one penalty after another: each fit begins where the one before ended, knows value and gradient there
//! already, and keeps what was learned about the curvature.

use super::lbfgs::{Minimum, Start, Stop, dot, minimise};
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
        let failed = |gradient, evaluations, reason| EvalError::NotConverged {
            penalty,
            gradient,
            evaluations,
            reason,
        };
        let (features, moments) = (self.features, self.moments);
        let how = (penalty, self.curvature);
        let Some(mut objective) = Regression::new(features, self.targets, self.classes, moments, how) else {
            return Err(failed(f64::NAN, 0, "the features' covariance is not finite"));
        };
        let mut start = std::mem::take(&mut self.start);
        let (by, weights) = (penalty - self.penalty, self.classes * features.embedding_len);
        if let Some((value, gradient)) = &mut start.known {
            let point = &start.point[..weights];
            *value += 0.5 * by * dot(point, point);
            super::lbfgs::add(&mut gradient[..weights], by, point);
            start.memory.stiffen(by, weights);
        }
        let stop = Stop { tolerance: self.tolerance, evaluations_max: EVALUATIONS_MAX };
        let mut end = minimise(&objective, start, stop);
        if end.failure.is_some() {
            // What was learned at the last penalty can mislead where few rows are left to bend: begin anew, by the bound.
            let how = (penalty, None);
            if let Some(bound) = Regression::new(features, self.targets, self.classes, moments, how) {
                let point = vec![0.0; Regression::len(self.classes, features.embedding_len)];
                end = minimise(&bound, Start { point, ..Start::default() }, stop);
                objective = bound;
            }
        }
        if let Some(reason) = end.failure {
            return Err(failed(end.size, end.evaluations, reason));
        }
        let known = Some((end.value, end.gradient.clone()));
        self.start = Start { point: end.point.clone(), known, memory: end.memory.clone() };
        (self.penalty, self.curvature) = (penalty, Some(objective.curvature()));
        Ok(end)
    }
}
