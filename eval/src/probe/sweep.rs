//! Which penalties are tried and how the best is chosen; then the fit that is kept.
//!
//! Penalties go from strong to weak, each fit beginning where the one before ended. The best is the one with the highest
//! top-1 on the validation rows, of equals the one with the lowest cross-entropy there; the kept probe is fitted again on train + validation.
//! The test split is not known here.

use serde::{Deserialize, Serialize};

use super::judge::{Judged, judge};
use super::lbfgs::{Minimum, Stop, minimise};
use super::objective::{Moments, SoftmaxRegression};
use crate::{EvalError, Features};

/// Converged when no entry of the gradient exceeds this, measured in its feature's spread.
const TOLERANCE: f64 = 1e-6;
const EVALUATIONS_MAX: usize = 3000;

/// One penalty tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// λ of the mean objective.
    pub penalty: f64,
    /// Top-1 on the validation rows, in percent.
    pub validation: f64,
    /// Mean cross-entropy on the validation rows.
    pub loss: f64,
    /// Evaluations of objective and gradient.
    pub evaluations: usize,
}

/// A fitted classifier in float64, and how it came about.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// Classes × features, row-major.
    pub weight: Vec<f64>,
    /// One a class.
    pub bias: Vec<f64>,
    /// λ of the mean objective; C = 1/(n·λ).
    pub penalty: f64,
    /// The objective at the end.
    pub objective: f64,
    /// The gradient's largest entry at the end, in the features' own units.
    pub gradient: f64,
    /// Rows it was fitted on.
    pub rows: usize,
    /// Evaluations of objective and gradient in the last fit.
    pub evaluations: usize,
    /// What was tried before, strongest penalty first.
    pub trials: Vec<Trial>,
}

/// 21 values, half a decade apart, from 1e1 down to 1e-9, in units of the features' mean variance: the same grid whatever
/// the scale of an encoder's embeddings, so that none is judged with penalties made for another.
pub fn penalties() -> Vec<f64> {
    (-18..=2).rev().map(|half_decades| 10_f64.powf(f64::from(half_decades) / 2.0)).collect()
}

/// Chooses a penalty by fitting on some rows and judging on others, then fits on both; `penalties` are in units of the
/// features' mean variance.
///
/// # Errors
/// When a fit does not converge, the pictures have not one class each, or there is nothing to fit or judge on.
pub fn sweep(
    features: &Features,
    (train, validation): (&[usize], &[usize]),
    classes: usize,
    penalties: &[f64],
    progress: &mut dyn FnMut(usize),
) -> Result<Fitted, EvalError> {
    if train.is_empty() || validation.is_empty() || penalties.is_empty() {
        return Err(EvalError::TooFew("a penalty needs rows to fit on and rows to be judged on".to_owned()));
    }
    features.labels.classes()?;
    let (fit_on, judge_on) = (features.select(train), features.select(validation));
    let moments = Moments::of(&fit_on);
    let mut trials: Vec<Trial> = Vec::with_capacity(penalties.len());
    let mut best: Option<(f64, f64, f64, Vec<f64>)> = None;
    let mut point = vec![0.0; SoftmaxRegression::len(classes, features.embedding_len)];
    for relative in penalties {
        let penalty = relative * moments.mean_variance();
        let minimum = minimum(&fit_on, classes, &moments, penalty, point)?;
        let Judged { top_1, loss } = judge(&minimum.point, &judge_on, classes, &moments.mean);
        trials.push(Trial { penalty, validation: top_1, loss, evaluations: minimum.evaluations });
        point = minimum.point;
        if best.as_ref().is_none_or(|(most, least, ..)| top_1 > *most || (top_1 == *most && loss < *least)) {
            best = Some((top_1, loss, penalty, point.clone()));
        }
        progress(trials.len());
    }
    drop((fit_on, judge_on));
    let Some((.., penalty, start)) = best else {
        return Err(EvalError::TooFew("no penalty gave a finite score".to_owned()));
    };
    let mut rows: Vec<usize> = train.iter().chain(validation).copied().collect();
    rows.sort_unstable();
    let fitted = if rows.len() == features.len() {
        fit_from(features, classes, &moments, penalty, start)
    } else {
        fit_from(&features.select(&rows), classes, &moments, penalty, start)
    }?;
    progress(trials.len() + 1);
    Ok(Fitted { trials, ..fitted })
}

/// Fits with one penalty.
///
/// # Errors
/// When the fit does not converge, or the pictures have not one class each.
pub fn fit(features: &Features, classes: usize, penalty: f64) -> Result<Fitted, EvalError> {
    features.labels.classes()?;
    let start = vec![0.0; SoftmaxRegression::len(classes, features.embedding_len)];
    fit_from(features, classes, &Moments::of(features), penalty, start)
}

fn fit_from(
    features: &Features,
    classes: usize,
    moments: &Moments,
    penalty: f64,
    start: Vec<f64>,
) -> Result<Fitted, EvalError> {
    let mut end = minimum(features, classes, moments, penalty, start)?;
    let len = features.embedding_len;
    let mut bias = end.point.split_off(classes * len);
    let bias_gradient = end.gradient.split_off(classes * len);
    // Back from centred features to the features themselves.
    for (bias, weight) in bias.iter_mut().zip(end.point.chunks_exact(len)) {
        *bias -= super::lbfgs::dot(weight, &moments.mean);
    }
    for (gradient, bias) in end.gradient.chunks_exact_mut(len).zip(&bias_gradient) {
        super::lbfgs::add(gradient, *bias, &moments.mean);
    }
    let gradient = end.gradient.iter().chain(&bias_gradient).fold(0.0_f64, |most, g| most.max(g.abs()));
    Ok(Fitted {
        weight: end.point,
        bias,
        penalty,
        objective: end.value,
        gradient,
        rows: features.len(),
        evaluations: end.evaluations,
        trials: Vec::new(),
    })
}

fn minimum(
    features: &Features,
    classes: usize,
    moments: &Moments,
    penalty: f64,
    start: Vec<f64>,
) -> Result<Minimum, EvalError> {
    let stop = Stop { tolerance: TOLERANCE, evaluations_max: EVALUATIONS_MAX };
    let not_converged =
        |gradient, evaluations, reason| EvalError::NotConverged { penalty, gradient, evaluations, reason };
    let Some(objective) = SoftmaxRegression::new(features, classes, moments, penalty) else {
        return Err(not_converged(f64::NAN, 0, "the features' covariance is not finite"));
    };
    let end = minimise(&objective, start, stop);
    match end.failure {
        None => Ok(end),
        Some(reason) => Err(not_converged(end.size, end.evaluations, reason)),
    }
}
