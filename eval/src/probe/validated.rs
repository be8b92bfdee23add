//! A classifier from any labelled rows, with what it is worth on rows that it was not fitted on: what somebody needs who has
//! records and no test split.

use serde::{Deserialize, Serialize};

use super::{Fitted, Probe, fit, penalties, sweep};
use crate::metrics::{calibration_error, first_highest};
use crate::{EvalError, Features, hold_out};

/// Share of each class's rows that judge.
const SHARE: f64 = 0.2;

/// What a probe is worth on rows set aside. They also chose the penalty, so it is a little flattered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Top-1 on them, in percent.
    pub top1: f64,
    /// How far certainty is from the share that is right, in percent (Guo et al. 2017).
    pub calibration_error: f64,
    /// How many there are.
    pub rows: usize,
}

/// Fits on four fifths of each class, judges and chooses the penalty on the rest, and fits what is kept on all.
///
/// # Errors
/// When no class has two rows, a fit does not converge, or labels are not classes.
pub fn fit_validated(features: &Features, classes: usize) -> Result<(Fitted, Validation), EvalError> {
    let labels = features.labels.classes()?;
    let (train, aside) = hold_out(labels, classes, SHARE, 0);
    let fitted = sweep(features, (&train, &aside), classes, &penalties(), &mut |_| ())?;
    let chosen = fitted.trials.iter().find(|trial| Some(trial.relative) == fitted.relative);
    let penalty = chosen.map_or(fitted.penalty, |trial| trial.penalty);
    let judge = fit(&features.select(&train), classes, penalty)?;
    let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    let judge = Probe::new("", "", &names, "", &judge);
    let (mut hits, mut sure) = (Vec::with_capacity(aside.len()), Vec::with_capacity(aside.len()));
    for &row in &aside {
        let probabilities = judge.predict(features.row(row))?;
        let guess = first_highest(&probabilities);
        hits.push(guess == labels[row]);
        sure.push(probabilities[guess]);
    }
    let right = hits.iter().filter(|hit| **hit).count();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let top1 = 100.0 * right as f64 / hits.len() as f64;
    let calibration_error = calibration_error(&sure, &hits, &vec![1; hits.len()]);
    Ok((fitted, Validation { top1, calibration_error, rows: aside.len() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;

    /// Rows of three classes on a circle, `wrong` of every ten with another class's label.
    fn rows(wrong: usize) -> Features {
        let (mut embeddings, mut labels) = (Vec::new(), Vec::new());
        for row in 0..300_usize {
            let class = row % 3;
            let angle = class as f32 * 2.1 + ((row * 37) % 11) as f32 / 11.0;
            embeddings.extend([angle.cos() * 3.0, angle.sin() * 3.0]);
            labels.push(if (row / 3) % 10 < wrong { (class + 1) % 3 } else { class });
        }
        Features { embedding_len: 2, embeddings, labels: Labels::Classes(labels) }
    }

    #[test]
    fn what_can_be_told_apart_is_and_wrong_labels_cost_their_share() {
        let (fitted, validation) = fit_validated(&rows(0), 3).unwrap();
        assert_eq!((fitted.rows, validation.rows, validation.top1), (300, 60, 100.0));
        let (_, noisy) = fit_validated(&rows(2), 3).unwrap();
        assert!((60.0..95.0).contains(&noisy.top1), "{noisy:?}");
        assert!((0.0..30.0).contains(&noisy.calibration_error), "{noisy:?}");
    }

    #[test]
    fn too_little_is_refused() {
        let one_each = rows(0).select(&[0, 1, 2]);
        assert!(matches!(fit_validated(&one_each, 3), Err(EvalError::TooFew(_))));
    }
}
