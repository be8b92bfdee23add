//! Softmax cross-entropy: on the dataset's labels, the paper's supervised baseline, or on how far a view was turned
//! (Gidaris et al. 2018), the pretext task that SimCLR is compared with.

use tch::{Kind, Reduction, Tensor};

use crate::TrainError;

/// Turns of a view: 0°, 90°, 180°, 270°.
pub(crate) const TURNS: i64 = 4;

/// Mean of −log softmax at the label; `logits` N×classes of any float kind, `labels` N int64. Zeros give log classes.
pub(super) fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor, TrainError> {
    let likelihoods = logits.f_log_softmax(-1, Kind::Float)?;
    Ok(likelihoods.f_nll_loss(labels, None::<&Tensor>, Reduction::Mean, -100)?)
}

/// Cross-entropy of 4B×4 logits whose rows t·B + i are picture i turned t times.
pub(super) fn which_turn(logits: &Tensor) -> Result<Tensor, TrainError> {
    let pictures = logits.size()[0] / TURNS;
    let turns = Tensor::f_arange(TURNS, (Kind::Int64, logits.device()))?;
    cross_entropy(logits, &turns.f_repeat_interleave_self_int(pictures, 0, None)?)
}

/// Four copies of N×C×S×S views, turned 0 to 3 times by 90°: rows t·N + i.
pub(super) fn turned(views: &Tensor) -> Result<Tensor, TrainError> {
    let copies = (0..TURNS).map(|turns| Ok(views.f_rot90(turns, [2, 3])?));
    Ok(Tensor::f_cat(&copies.collect::<Result<Vec<_>, TrainError>>()?, 0)?)
}
