//! Who is compared with whom: every view of a batch with every other and with remembered projections (§2.1).

use tch::{Kind, Tensor};

use crate::TrainError;

/// All similarities of a batch of 2N projections, rows i and i + N of one picture, and Q remembered ones.
pub(super) struct Pairs {
    /// 2N×(2N + Q) f32: u·v of every projection with every other, itself, and the remembered ones.
    pub(super) similarities: Tensor,
    /// 2N int64: the column of each row's positive v⁺.
    pub(super) twins: Tensor,
    /// 2N×(2N + Q) bool: where a row meets itself.
    pub(super) itself: Tensor,
}

impl Pairs {
    /// From 2N×d f32 rows and Q×d remembered ones, both already [`comparable`].
    pub(super) fn new(z: &Tensor, past: Option<&Tensor>) -> Result<Self, TrainError> {
        let views = z.size()[0];
        let all = match past {
            Some(past) => Tensor::f_cat(&[z, past], 0)?,
            None => z.shallow_clone(),
        };
        let itself = Tensor::f_eye_m(views, all.size()[0], (Kind::Bool, z.device()))?;
        let twins = Tensor::f_arange(views, (Kind::Int64, z.device()))?.f_roll([views / 2], [0])?;
        Ok(Self { similarities: z.f_matmul(&all.f_tr()?)?, twins, itself })
    }

    /// 2N×1: u·v⁺.
    pub(super) fn positives(&self) -> Result<Tensor, TrainError> {
        Ok(self.similarities.f_gather(1, &self.twins.f_view([-1, 1])?, false)?)
    }

    /// 2N×(2N + Q) bool: every column but the row's own and its positive's; if `semi_hard`, of these only the ones with
    /// u·v⁻ < u·v⁺, the negatives farther than the positive.
    ///
    /// The paper (§5.1) mines negatives "within the loss margin and closest in distance, but farther than positive
    /// examples" and leaves open what a margin is to a loss without one: here such losses take all that are farther.
    /// It also took its table 4's negatives from one of the two views (appendix B.10), here from both.
    pub(super) fn negatives(&self, semi_hard: bool) -> Result<Tensor, TrainError> {
        let others = self.itself.f_logical_or(&self.is_twin()?)?.f_logical_not()?;
        if !semi_hard {
            return Ok(others);
        }
        Ok(others.f_logical_and(&self.similarities.f_lt_tensor(&self.positives()?)?)?)
    }

    /// 2N×(2N + Q) bool: where a row meets its positive.
    pub(super) fn is_twin(&self) -> Result<Tensor, TrainError> {
        Ok(self.itself.f_zeros_like()?.f_scatter_value(1, &self.twins.f_view([-1, 1])?, 1)?)
    }
}

/// Rows as they are compared: f32, brought to length 1 if `normalise`.
pub(super) fn comparable(outputs: &Tensor, normalise: bool) -> Result<Tensor, TrainError> {
    let z = outputs.f_to_kind(Kind::Float)?;
    if !normalise {
        return Ok(z);
    }
    let squares = z.f_square()?.f_sum_dim_intlist([-1i64].as_slice(), true, Kind::Float)?;
    Ok(z.f_div(&squares.f_sqrt()?.f_clamp_min(1e-12)?)?)
}

/// Mean of `terms` where `mask` holds; 0 where it holds nowhere.
pub(super) fn mean_where(terms: &Tensor, mask: &Tensor) -> Result<Tensor, TrainError> {
    let sum = terms.f_masked_fill(&mask.f_logical_not()?, 0.0)?.f_sum(Kind::Float)?;
    Ok(sum.f_div(&mask.f_sum(Kind::Float)?.f_clamp_min(1.0)?)?)
}
