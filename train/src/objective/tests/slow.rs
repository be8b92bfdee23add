//! The losses as loops over their formulas, in f64.

use super::*;

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

pub(super) fn unit(a: &[f64]) -> Vec<f64> {
    a.iter().map(|x| x / dot(a, a).sqrt()).collect()
}

pub(super) fn units(z: &Rows) -> Rows {
    z.iter().map(|row| unit(row)).collect()
}

pub(super) fn log_sigmoid(x: f64) -> f64 {
    -(-x).exp().ln_1p()
}

pub(super) fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

/// For every view: the similarity of its positive and those of its negatives, `past` among them, as loops.
pub(super) fn compared(z: &Rows, past: &Rows, semi_hard: bool) -> Vec<(f64, Vec<f64>)> {
    let count = z.len();
    (0..count)
        .map(|i| {
            let twin = (i + count / 2) % count;
            let positive = dot(&z[i], &z[twin]);
            let mut negatives = vec![];
            for k in 0..count {
                if k != i && k != twin {
                    negatives.push(dot(&z[i], &z[k]));
                }
            }
            negatives.extend(past.iter().map(|row| dot(&z[i], row)));
            if semi_hard {
                negatives.retain(|&negative| negative < positive);
            }
            (positive, negatives)
        })
        .collect()
}

/// Equation 1, over `compared`.
pub(super) fn slow_nt_xent(compared: &[(f64, Vec<f64>)], temperature: f64) -> f64 {
    let one = |(positive, negatives): &(f64, Vec<f64>)| {
        let twin = (positive / temperature).exp();
        let others: f64 = negatives.iter().map(|s| (s / temperature).exp()).sum();
        -(twin / (twin + others)).ln()
    };
    mean(&compared.iter().map(one).collect::<Vec<_>>())
}

pub(super) fn slow_logistic(compared: &[(f64, Vec<f64>)], temperature: f64) -> f64 {
    let near: Vec<f64> = compared.iter().map(|(s, _)| -log_sigmoid(s / temperature)).collect();
    let far: Vec<f64> =
        compared.iter().flat_map(|(_, n)| n).map(|s| -log_sigmoid(-s / temperature)).collect();
    mean(&near) + mean(&far)
}

pub(super) fn slow_margin(compared: &[(f64, Vec<f64>)], margin: f64, semi_hard: bool) -> f64 {
    let mut terms = vec![];
    for (positive, negatives) in compared {
        for negative in negatives {
            let violation = negative - positive + margin;
            if !semi_hard || violation > 0.0 {
                terms.push(violation.max(0.0));
            }
        }
    }
    mean(&terms)
}

/// A contrastive rule's loss, as loops, of rows that are not yet normalised.
pub(super) fn slow(rule: Rule, z: &Rows, past: &Rows) -> f64 {
    match rule {
        Rule::NtXent { temperature, normalise, semi_hard, factor, .. } => {
            let z = if normalise { units(z) } else { z.clone() };
            factor * slow_nt_xent(&compared(&z, past, semi_hard), temperature)
        }
        Rule::NtLogistic { temperature, semi_hard } => {
            slow_logistic(&compared(&units(z), past, semi_hard), temperature)
        }
        Rule::MarginTriplet { margin, semi_hard } => {
            slow_margin(&compared(&units(z), past, semi_hard), margin, semi_hard)
        }
        Rule::Supervised { .. } | Rule::Rotation => unreachable!(),
    }
}
