//! A step's loss and gradients, with a batch's activations in memory at once or a part of them at a time.
//!
//! Gradient caching (Gao et al. 2021): a first pass without gradients gives every output, the loss of all of them gives
//! the outputs' gradients, a second pass, part by part, carries those back to the weights. The loss sees the whole
//! batch. Batch-norms see a part: in both passes they normalise with the part's own statistics, and the running
//! averages move once for each part. So the result is that of one step in which each part is normalised by itself;
//! without batch-norms, or with fixed statistics, it is that of the whole batch.
//!
//! Knows neither networks nor what the loss is.

use simclr_models::Param;
use tch::{Kind, Tensor};

use crate::TrainError;
use crate::network::Averages;
use crate::objective::{Input, Objective, part};
use crate::optimiser::gradients;

/// What a step came to.
#[derive(Debug)]
pub struct Step {
    /// The loss, cut off from its gradients.
    pub loss: Tensor,
    /// What was compared: V·B rows, cut off from their gradients.
    pub outputs: Tensor,
    /// One gradient a learned tensor.
    pub gradients: Vec<Tensor>,
}

/// Views through the network.
pub type Forward<'a> = &'a dyn Fn(&Tensor, Averages) -> Result<Tensor, TrainError>;

/// Loss and gradients with all activations in memory.
///
/// # Errors
/// libtorch's words.
pub fn whole(
    forward: Forward<'_>,
    learned: &[(&Param, &Tensor)],
    objective: &Objective,
    input: &Input,
) -> Result<Step, TrainError> {
    let outputs = forward(&input.views, Averages::Move)?;
    let loss = objective.loss(&outputs, input)?;
    let gradients = gradients(&loss, learned)?;
    Ok(Step { loss: loss.f_detach()?, outputs: outputs.f_detach()?, gradients })
}

/// Loss and gradients with the activations of `micro` pictures in memory, for two passes through the network.
///
/// # Errors
/// libtorch's words; `micro` must divide the number of pictures.
pub fn cached(
    forward: Forward<'_>,
    learned: &[(&Param, &Tensor)],
    objective: &Objective,
    input: &Input,
    micro: i64,
) -> Result<Step, TrainError> {
    let starts = || (0..input.pictures()).step_by(usize::try_from(micro).unwrap_or(1));
    let outputs = {
        let _no_grad = tch::no_grad_guard();
        let parts = starts().map(|from| forward(&input.part(from, micro)?, Averages::Keep));
        joined(&parts.collect::<Result<Vec<_>, _>>()?, micro)?
    };
    let compared = outputs.f_detach()?.set_requires_grad(true);
    let loss = objective.loss(&compared, input)?;
    let wanted = Tensor::f_run_backward(&[&loss], &[&compared], false, false)?.remove(0);
    let mut sum: Vec<Tensor> = vec![];
    for from in starts() {
        let again = forward(&input.part(from, micro)?, Averages::Move)?;
        let wanted = part(&wanted, input.pictures(), from, micro)?;
        // Its gradient with respect to the outputs is `wanted`.
        let push =
            again.f_to_kind(Kind::Float)?.f_mul(&wanted.f_to_kind(Kind::Float)?)?.f_sum(Kind::Float)?;
        add(&mut sum, gradients(&push, learned)?)?;
    }
    Ok(Step { loss: loss.f_detach()?, outputs, gradients: sum })
}

/// Rows of parts, each V·`micro`, in the order of the whole input: V·B.
fn joined(parts: &[Tensor], micro: i64) -> Result<Tensor, TrainError> {
    let by_view = parts.iter().map(|rows| {
        let width = rows.size()[1];
        Ok(rows.f_reshape([-1, micro, width])?)
    });
    let by_view = by_view.collect::<Result<Vec<_>, TrainError>>()?;
    Ok(Tensor::f_cat(&by_view, 1)?.f_flatten(0, 1)?)
}

fn add(sum: &mut Vec<Tensor>, more: Vec<Tensor>) -> Result<(), TrainError> {
    if sum.is_empty() {
        *sum = more;
        return Ok(());
    }
    for (sum, more) in sum.iter_mut().zip(more) {
        let _ = sum.f_add_(&more)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
