//! NT-Logistic (table 2): every pair by itself is a question, same picture or not.

use tch::Tensor;

use super::pairs::{Pairs, comparable, mean_where};
use crate::TrainError;

/// Mean over views of −log σ(u·v⁺/τ) plus mean over negative pairs of −log σ(−u·v⁻/τ), with cosines; f32 scalar.
///
/// `projections` is 2N×d, any float kind; rows i and i + N are views of one picture. Table 2 gives one positive and one
/// negative term; that both kinds weigh the same, however many there are, is this project's choice. Orthogonal rows
/// of equal twins give log(1 + e^(−1/τ)) + log 2.
pub(super) fn nt_logistic(
    projections: &Tensor,
    temperature: f64,
    semi_hard: bool,
) -> Result<Tensor, TrainError> {
    let pairs = Pairs::new(&comparable(projections, true)?, None)?;
    let attracted =
        pairs.positives()?.f_div_scalar(temperature)?.f_log_sigmoid()?.f_mean(tch::Kind::Float)?;
    let repelled = pairs.similarities.f_div_scalar(-temperature)?.f_log_sigmoid()?;
    let repelled = mean_where(&repelled, &pairs.negatives(semi_hard)?)?;
    Ok(attracted.f_add(&repelled)?.f_neg()?)
}
