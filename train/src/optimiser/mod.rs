//! How weights move: SGD, LARS as SimCLR's published code writes it or as PyTorch's ports do, Adam. State lies beside
//! the weights, on their device, and no value leaves it.

use simclr_models::{Param, ParamKind};
use tch::Tensor;

use crate::TrainError;
use crate::network::to_numbers;
use crate::recipe::Optimiser as Rule;

/// An update rule with one tensor a learned tensor in each of its slots.
#[derive(Debug)]
pub struct Optimiser {
    rule: Rule,
    slots: Vec<Vec<Tensor>>,
    updates: u64,
}

/// An optimiser's slots as numbers: for each of [`Rule::slots`], one vector a learned tensor.
pub type Slots = Vec<Vec<Vec<f32>>>;

impl Rule {
    /// What the rule remembers of every learned tensor.
    pub fn slots(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd { .. } | Self::Lars { .. } => &["velocity"],
            Self::Adam { .. } => &["gradient_mean", "gradient_square"],
        }
    }
}

impl Optimiser {
    /// Starts with slots of zeros.
    pub fn new(rule: Rule, learned: &[(&Param, &Tensor)]) -> Self {
        let zeros = || learned.iter().map(|(_, tensor)| tensor.detach().zeros_like()).collect();
        Self { rule, slots: rule.slots().iter().map(|_| zeros()).collect(), updates: 0 }
    }

    /// Moves each learned tensor by its gradient at learning rate `rate`.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn step(
        &mut self,
        learned: &[(&Param, &Tensor)],
        gradients: &[Tensor],
        rate: f64,
    ) -> Result<(), TrainError> {
        let _no_grad = tch::no_grad_guard();
        self.updates += 1;
        for (index, ((param, weight), gradient)) in learned.iter().zip(gradients).enumerate() {
            let weight = weight.shallow_clone();
            let slot = |s: usize| self.slots[s][index].shallow_clone();
            match self.rule {
                Rule::Sgd { .. } => {
                    self.sgd(weight, gradient, slot(0), (rate, self.decay_of(param)))?;
                }
                Rule::Lars { adapt_classifier, .. }
                    if param.kind == ParamKind::Weight && (adapt_classifier || !is_classifier(param)) =>
                {
                    self.lars(weight, gradient, slot(0), rate)?;
                }
                Rule::Lars { momentum, rate_in_velocity, .. } => {
                    accumulate(weight, gradient, slot(0), momentum, rate, rate_in_velocity)?;
                }
                Rule::Adam { .. } => {
                    self.adam(weight, gradient, [slot(0), slot(1)], (rate, self.decay_of(param)))?;
                }
            }
        }
        Ok(())
    }

    /// λ for a tensor under SGD or Adam.
    fn decay_of(&self, param: &Param) -> f64 {
        match self.rule {
            Rule::Sgd { decay_norms: false, .. } | Rule::Adam { decay_norms: false, .. }
                if matches!(param.kind, ParamKind::Scale | ParamKind::Shift) =>
            {
                0.0
            }
            rule => rule.weight_decay(),
        }
    }

    /// g ← g + λw; v ← mv + g; w ← w − rate·v, or w − rate·(g + mv) with Nesterov's look ahead.
    fn sgd(
        &self,
        mut weight: Tensor,
        gradient: &Tensor,
        mut velocity: Tensor,
        (rate, weight_decay): (f64, f64),
    ) -> Result<(), TrainError> {
        let Rule::Sgd { momentum, nesterov, .. } = self.rule else { return Ok(()) };
        let gradient = gradient.f_add(&weight.f_mul_scalar(weight_decay)?)?;
        let _ = velocity.f_mul_scalar_(momentum)?.f_add_(&gradient)?;
        let push = if nesterov {
            gradient.f_add(&velocity.f_mul_scalar(momentum)?)?
        } else {
            velocity.shallow_clone()
        };
        let _ = weight.f_sub_(&push.f_mul_scalar(rate)?)?;
        Ok(())
    }

    /// A weight under LARS (You et al. 2017); scales, shifts and biases, and a classifier where the rule says so, move by
    /// [`accumulate`] alone.
    ///
    /// Published code: g ← g + λw; trust = η|w|/|g|, 1 if either norm is 0. PyTorch's ports: trust = η|w|/(|g| + λ|w|),
    /// times g + λw; g alone if either norm is 0.
    fn lars(&self, weight: Tensor, gradient: &Tensor, velocity: Tensor, rate: f64) -> Result<(), TrainError> {
        let Rule::Lars { momentum, weight_decay, trust_coefficient, rate_in_velocity, norm_of_sum, .. } =
            self.rule
        else {
            return Ok(());
        };
        let decayed = gradient.f_add(&weight.f_mul_scalar(weight_decay)?)?;
        let w = weight.f_norm()?;
        let (g, below) = if norm_of_sum {
            let norm = decayed.f_norm()?;
            (norm.shallow_clone(), norm)
        } else {
            let norm = gradient.f_norm()?;
            let below = norm.f_add(&w.f_mul_scalar(weight_decay)?)?.f_add_scalar(1e-8)?;
            (norm, below)
        };
        let adapts = w.f_gt(0.0)?.f_logical_and(&g.f_gt(0.0)?)?;
        let adapted = decayed.f_mul(&w.f_div(&below)?.f_mul_scalar(trust_coefficient)?)?;
        let plain = if norm_of_sum { &decayed } else { gradient };
        let push = adapted.f_where_self(&adapts, plain)?;
        accumulate(weight, &push, velocity, momentum, rate, rate_in_velocity)
    }

    /// m ← β₁m + (1 − β₁)g; s ← β₂s + (1 − β₂)g²; w ← w − rate·m̂/(√ŝ + ε) with m̂, ŝ freed of their start at zero.
    fn adam(
        &self,
        mut weight: Tensor,
        gradient: &Tensor,
        [mut mean, mut square]: [Tensor; 2],
        (rate, weight_decay): (f64, f64),
    ) -> Result<(), TrainError> {
        let Rule::Adam { betas: [first, second], epsilon, decoupled, .. } = self.rule else {
            return Ok(());
        };
        let decay = weight.f_mul_scalar(weight_decay)?;
        let gradient = if decoupled { gradient.shallow_clone() } else { gradient.f_add(&decay)? };
        let _ = mean.f_mul_scalar_(first)?.f_add_(&gradient.f_mul_scalar(1.0 - first)?)?;
        let _ = square.f_mul_scalar_(second)?.f_add_(&gradient.f_square()?.f_mul_scalar(1.0 - second)?)?;
        #[expect(clippy::cast_precision_loss, reason = "updates are far below 2^52")]
        let free = |beta: f64| 1.0 - beta.powf(self.updates as f64);
        let root = square.f_div_scalar(free(second))?.f_sqrt()?.f_add_scalar(epsilon)?;
        let push = mean.f_div_scalar(free(first))?.f_div(&root)?;
        let push = if decoupled { push.f_add(&decay)? } else { push };
        let _ = weight.f_sub_(&push.f_mul_scalar(rate)?)?;
        Ok(())
    }

    /// The slots' numbers, tensors in the order of the learned ones.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn state(&self) -> Result<Slots, TrainError> {
        self.slots.iter().map(|slot| slot.iter().map(to_numbers).collect()).collect()
    }

    /// Puts back what [`Optimiser::state`] gave after `updates` steps.
    ///
    /// # Errors
    /// When counts or lengths are another network's or another rule's.
    pub fn restore(&mut self, state: &Slots, updates: u64) -> Result<(), TrainError> {
        let fits = |(tensor, numbers): (&Tensor, &Vec<f32>)| tensor.numel() == numbers.len();
        let fits = |(slot, saved): (&Vec<Tensor>, &Vec<Vec<f32>>)| {
            slot.len() == saved.len() && slot.iter().zip(saved).all(fits)
        };
        if state.len() != self.slots.len() || !self.slots.iter().zip(state).all(fits) {
            return Err(TrainError::Recipe("the checkpoint's optimiser state is another network's".into()));
        }
        for (tensor, numbers) in self.slots.iter_mut().flatten().zip(state.iter().flatten()) {
            let saved = Tensor::f_from_slice(numbers)?.f_view(tensor.size().as_slice())?;
            tensor.f_copy_(&saved)?;
        }
        self.updates = updates;
        Ok(())
    }
}

/// Whether these are a linear classifier's weights, the only ones that start at zero.
fn is_classifier(param: &Param) -> bool {
    param.kind == ParamKind::Weight && param.starts_at_zero
}

/// v ← mv + rate·g; w ← w − v: or, with the rate outside, v ← mv + g; w ← w − rate·v.
fn accumulate(
    mut weight: Tensor,
    gradient: &Tensor,
    mut velocity: Tensor,
    momentum: f64,
    rate: f64,
    rate_in_velocity: bool,
) -> Result<(), TrainError> {
    let (inside, outside) = if rate_in_velocity { (rate, 1.0) } else { (1.0, rate) };
    let _ = velocity.f_mul_scalar_(momentum)?.f_add_(&gradient.f_mul_scalar(inside)?)?;
    let _ = weight.f_sub_(&velocity.f_mul_scalar(outside)?)?;
    Ok(())
}

/// Gradients of a scalar loss, in the order of `learned`.
///
/// # Errors
/// libtorch's words.
pub fn gradients(loss: &Tensor, learned: &[(&Param, &Tensor)]) -> Result<Vec<Tensor>, TrainError> {
    let tensors: Vec<&Tensor> = learned.iter().map(|(_, tensor)| *tensor).collect();
    Ok(Tensor::f_run_backward(&[loss], &tensors, false, false)?)
}

#[cfg(test)]
mod tests;
