//! Encoder against encoder on the same pictures: who is right where the other is wrong.

use serde::Serialize;

use super::confusion::{Confusion, percent};
use super::gather::Result;
use crate::compare::mcnemar;

/// Two encoders on one dataset's judged pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Versus {
    /// The dataset.
    pub(crate) dataset: String,
    /// The first encoder.
    pub(crate) a: String,
    /// The second.
    pub(crate) b: String,
    /// Judged pictures.
    pub(crate) pictures: usize,
    /// Pictures that only the first gets right.
    pub(crate) only_a: usize,
    /// Pictures that only the second gets right.
    pub(crate) only_b: usize,
    /// The first's share of right pictures less the second's, in points of percent.
    pub(crate) difference: f64,
    /// McNemar's exact two-sided p-value.
    pub(crate) p: f64,
}

/// Every pair of encoders that judged the same pictures of a dataset with one class each.
pub(crate) fn versus(results: &[Result]) -> Vec<Versus> {
    let mut all = Vec::new();
    for (index, a) in results.iter().enumerate() {
        for b in &results[index + 1..] {
            if a.outcome.dataset == b.outcome.dataset && a.samples == b.samples {
                all.extend(pair(a, b));
            }
        }
    }
    all
}

fn pair(a: &Result, b: &Result) -> Option<Versus> {
    let of = |r: &Result| Confusion::of(&r.predictions, r.outcome.classes.len());
    let (left, right) = (of(a)?, of(b)?);
    let is_right = |c: &Confusion| c.guesses.iter().zip(&c.truths).map(|(g, t)| g == t).collect::<Vec<_>>();
    let (left, right) = (is_right(&left), is_right(&right));
    let count = |which: (bool, bool)| left.iter().zip(&right).filter(|&(&l, &r)| (l, r) == which).count();
    let (only_a, only_b) = (count((true, false)), count((false, true)));
    let pictures = left.len();
    Some(Versus {
        dataset: a.outcome.dataset.clone(),
        a: a.outcome.encoder.clone(),
        b: b.outcome.encoder.clone(),
        pictures,
        only_a,
        only_b,
        p: mcnemar(only_a, only_b),
        difference: if only_a < only_b {
            -percent(only_b - only_a, pictures)
        } else {
            percent(only_a - only_b, pictures)
        },
    })
}
