//! Margin triplet loss (table 2; Schroff et al. 2015): a positive must be nearer than each negative by a margin.

use tch::Tensor;

use super::pairs::{Pairs, comparable, mean_where};
use crate::TrainError;

/// Mean over triplets of max(u·v⁻ − u·v⁺ + m, 0), with cosines; f32 scalar, `margin` to 2 + `margin`.
///
/// `projections` is 2N×d, any float kind; rows i and i + N are views of one picture. All 2N(2N − 2) triplets count, or,
/// if `semi_hard`, those with u·v⁺ − m < u·v⁻ < u·v⁺: farther than the positive and inside the margin, so that their
/// terms lie between 0 and m. Equal rows give m, and 0 semi-hard, since nothing is farther then.
pub(super) fn margin_triplet(
    projections: &Tensor,
    margin: f64,
    semi_hard: bool,
) -> Result<Tensor, TrainError> {
    let pairs = Pairs::new(&comparable(projections, true)?, None)?;
    let violations = pairs.similarities.f_sub(&pairs.positives()?)?.f_add_scalar(margin)?;
    let mut counted = pairs.negatives(semi_hard)?;
    if semi_hard {
        counted = counted.f_logical_and(&violations.f_gt(0.0)?)?;
    }
    mean_where(&violations.f_relu()?, &counted)
}
