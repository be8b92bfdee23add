//! NT-Xent (§2.1, equation 1): each view must find its twin among all other views of the batch.

use tch::{Kind, Reduction, Tensor};

use super::pairs::{Pairs, comparable};
use crate::TrainError;

/// What of NT-Xent a recipe chooses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// τ.
    pub(super) temperature: f64,
    /// Whether similarities are cosines, as in equation 1, or plain products, as in the last rows of table 5.
    pub(super) normalise: bool,
    /// Whether a softmax is taken over v⁺ and the negatives farther than it alone (§5.1).
    pub(super) semi_hard: bool,
}

/// Mean over 2N views of −log softmax at the twin, with similarities over τ; f32 scalar.
///
/// `projections` is 2N×d, any float kind; rows i and i + N are views of one picture. `past`, Q×d f32, are further
/// negatives of every view. Equal rows give log(2N − 1 + Q); a view all of whose negatives are nearer than its twin
/// has a loss of 0 when only semi-hard ones count.
pub(super) fn nt_xent(
    projections: &Tensor,
    past: Option<&Tensor>,
    settings: Settings,
) -> Result<Tensor, TrainError> {
    let Settings { temperature, normalise, semi_hard } = settings;
    let pairs = Pairs::new(&comparable(projections, normalise)?, past)?;
    let left_out = if semi_hard {
        pairs.negatives(true)?.f_logical_or(&pairs.is_twin()?)?.f_logical_not()?
    } else {
        pairs.itself.shallow_clone()
    };
    let logits = pairs.similarities.f_div_scalar(temperature)?.f_masked_fill(&left_out, f64::NEG_INFINITY)?;
    let likelihoods = logits.f_log_softmax(-1, Kind::Float)?;
    Ok(likelihoods.f_nll_loss(&pairs.twins, None::<&Tensor>, Reduction::Mean, -100)?)
}
