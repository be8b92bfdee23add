//! Which penalties are tried and how the best is chosen; then the fit that is kept.
//!
//! Penalties go from strong to weak along one path. The best is the one with the highest score on the validation rows
//! (top-1; for marks the 11-point mean average precision), of equals the one with the lowest loss there; the kept probe is
//! fitted again on train + validation, with the same C. The test split is not known here.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::judge::{Judged, judge};
use super::known::Known;
use super::lbfgs::{Minimum, add, dot};
use super::moments::{Moments, float};
use super::path::{Path, TOLERANCE};
use super::span::Span;
use crate::{EvalError, Features, Labels};

/// One penalty tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its place on the grid: λ of the summed objective, in units of the features' mean variance.
    #[serde(default)]
    pub relative: f64,
    /// λ of the mean objective, in the features' own units.
    pub penalty: f64,
    /// Top-1 on the validation rows, in percent; for marks the 11-point mean average precision.
    pub validation: f64,
    /// Mean loss on the validation rows.
    pub loss: f64,
    /// Evaluations of objective and gradient.
    pub evaluations: usize,
    /// The gradient's largest entry at the end, each measured in its feature's spread.
    #[serde(default)]
    pub gradient: f64,
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
    /// Its place on the grid, where it was chosen from one.
    pub relative: Option<f64>,
    /// The objective at the end.
    pub objective: f64,
    /// The gradient's largest entry at the end, in the features' own units; for few rows a bound of it.
    pub gradient: f64,
    /// Rows it was fitted on.
    pub rows: usize,
    /// Evaluations of objective and gradient in the last fit.
    pub evaluations: usize,
    /// What was tried before, strongest penalty first.
    pub trials: Vec<Trial>,
    /// Softmax for classes, one-vs-rest for marks.
    pub kind: Kind,
}

/// The paper's 45 values, a quarter of a decade apart, from 1e5 down to 1e-6 (appendix B.8): λ of the summed objective, in
/// units of the features' mean variance, so that no encoder is judged with penalties made for another's scale.
pub fn penalties() -> Vec<f64> {
    (0..45).rev().map(|i| 10_f64.powf(f64::from(i) / 4.0 - 6.0)).collect()
}

/// Chooses a penalty by fitting on some rows and judging on others, then fits on both; `penalties` are those of the summed
/// objective, in units of the features' mean variance, strongest first.
///
/// # Errors
/// When a fit does not converge, or there is nothing to fit or judge on.
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
    match Span::of(features) {
        Some((span, narrow)) => {
            let fitted =
                sweep_wide(&narrow, (train, validation), classes, &span.scaled(penalties), progress)?;
            Ok(span.widen(fitted, penalties))
        }
        None => sweep_wide(features, (train, validation), classes, penalties, progress),
    }
}

/// The same, in all the numbers that a row has.
pub(super) fn sweep_wide(
    features: &Features,
    (train, validation): (&[usize], &[usize]),
    classes: usize,
    penalties: &[f64],
    progress: &mut dyn FnMut(usize),
) -> Result<Fitted, EvalError> {
    let (fit_on, judge_on) = (features.select(train), features.select(validation));
    let moments = Moments::of(&fit_on);
    let unit = moments.mean_variance();
    let known = Known::of(&fit_on.labels, classes);
    let mut path = Path::new(&fit_on, known.targets(&fit_on.labels), known.len(), &moments, TOLERANCE);
    let mut trials: Vec<Trial> = Vec::with_capacity(penalties.len());
    let mut best: Option<(Judged, f64, Vec<f64>)> = None;
    for &relative in penalties {
        let penalty = relative * unit / float(fit_on.len());
        let end = known.widen(path.advance(penalty)?, fit_on.embedding_len);
        let judged = judge(&end.point, &judge_on, (&judge_on.labels).into(), classes, &moments.mean);
        let Judged { score, loss } = judged;
        let (evaluations, gradient) = (end.evaluations, end.size);
        trials.push(Trial { relative, penalty, validation: score, loss, evaluations, gradient });
        if best.as_ref().is_none_or(|(b, ..)| score > b.score || (score == b.score && loss < b.loss)) {
            best = Some((judged, relative, end.point));
        }
        progress(trials.len());
    }
    let Some((_, relative, start)) = best else {
        return Err(EvalError::TooFew("no penalty gave a finite score".to_owned()));
    };
    drop((known, fit_on, judge_on));
    let mut rows: Vec<usize> = train.iter().chain(validation).copied().collect();
    rows.sort_unstable();
    let chosen;
    let all = if rows.len() == features.len() {
        features
    } else {
        chosen = features.select(&rows);
        &chosen
    };
    // The same C, whatever the number of rows.
    let fitted = fit_from(all, classes, &moments, relative * unit / float(rows.len()), Some(start))?;
    progress(trials.len() + 1);
    Ok(Fitted { trials, relative: Some(relative), ..fitted })
}

/// Fits on some rows at a time, with the spread of all features, known once.
#[derive(Debug)]
pub struct Pinned {
    moments: Moments,
}

impl Pinned {
    /// Measures the features' spread.
    pub fn new(features: &Features) -> Self {
        Self { moments: Moments::of(features) }
    }

    /// Fits `rows` with one penalty: λ of the summed objective, in units of the features' mean variance.
    ///
    /// # Errors
    /// When the fit does not converge.
    pub fn fit(&self, rows: &Features, classes: usize, penalty: f64) -> Result<Fitted, EvalError> {
        let penalty = penalty * self.moments.mean_variance() / float(rows.len().max(1));
        fit_from(rows, classes, &self.moments, penalty, None)
    }
}

/// Fits with one penalty: λ of the mean objective, in the features' own units.
///
/// # Errors
/// When the fit does not converge.
pub fn fit(features: &Features, classes: usize, penalty: f64) -> Result<Fitted, EvalError> {
    match Span::of(features) {
        Some((span, narrow)) => Ok(span.widen(fit_wide(&narrow, classes, penalty)?, &[])),
        None => fit_wide(features, classes, penalty),
    }
}

/// The same, in all the numbers that a row has.
pub(super) fn fit_wide(features: &Features, classes: usize, penalty: f64) -> Result<Fitted, EvalError> {
    fit_from(features, classes, &Moments::of(features), penalty, None)
}

/// Fits with one penalty after another (as [`penalties`] are), to the given tolerance of the gradient measured in the
/// features' spread: what [`sweep`] does, without choosing.
///
/// # Errors
/// When a fit does not converge.
pub fn fit_path(
    features: &Features,
    classes: usize,
    penalties: &[f64],
    tolerance: f64,
) -> Result<Vec<Fitted>, EvalError> {
    let moments = Moments::of(features);
    let unit = moments.mean_variance() / float(features.len().max(1));
    let known = Known::of(&features.labels, classes);
    let mut path = Path::new(features, known.targets(&features.labels), known.len(), &moments, tolerance);
    let one = |&relative: &f64| {
        let penalty = relative * unit;
        let end = known.widen(path.advance(penalty)?, features.embedding_len);
        Ok(Fitted { relative: Some(relative), ..fitted(features, classes, &moments, penalty, end) })
    };
    penalties.iter().map(one).collect()
}

fn fit_from(
    features: &Features,
    classes: usize,
    moments: &Moments,
    penalty: f64,
    start: Option<Vec<f64>>,
) -> Result<Fitted, EvalError> {
    let (known, len) = (Known::of(&features.labels, classes), features.embedding_len);
    let path = Path::new(features, known.targets(&features.labels), known.len(), moments, TOLERANCE);
    let mut path = match start {
        Some(point) => path.from(known.narrow(point, len)),
        None => path,
    };
    let end = known.widen(path.advance(penalty)?, len);
    Ok(fitted(features, classes, moments, penalty, end))
}

/// A minimum for centred features as one for the features themselves.
fn fitted(features: &Features, classes: usize, moments: &Moments, penalty: f64, mut end: Minimum) -> Fitted {
    let len = features.embedding_len;
    let mut bias = end.point.split_off(classes * len);
    let bias_gradient = end.gradient.split_off(classes * len);
    // Back from centred features to the features themselves.
    for (bias, weight) in bias.iter_mut().zip(end.point.chunks_exact(len)) {
        *bias -= dot(weight, &moments.mean);
    }
    for (gradient, bias) in end.gradient.chunks_exact_mut(len).zip(&bias_gradient) {
        add(gradient, *bias, &moments.mean);
    }
    let gradient = end.gradient.iter().chain(&bias_gradient).fold(0.0_f64, |most, g| most.max(g.abs()));
    Fitted {
        weight: end.point,
        bias,
        penalty,
        relative: None,
        objective: end.value,
        gradient,
        rows: features.len(),
        evaluations: end.evaluations,
        trials: Vec::new(),
        kind: match features.labels {
            Labels::Classes(_) => Kind::Softmax,
            Labels::Marks { .. } => Kind::OneVsRest,
        },
    }
}
