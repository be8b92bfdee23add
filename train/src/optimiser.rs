//! How weights move: SGD with momentum, and LARS as SimCLR's published code writes it. State lies beside the weights.

use simclr_models::{Param, ParamKind};
use tch::{Kind, Tensor};

use crate::TrainError;
use crate::network::to_numbers;
use crate::recipe::Optimiser as Rule;

/// An update rule with one velocity a learned tensor.
#[derive(Debug)]
pub struct Optimiser {
    rule: Rule,
    velocities: Vec<Tensor>,
}

impl Optimiser {
    /// Starts with velocities of zero.
    pub fn new(rule: Rule, learned: &[(&Param, &Tensor)]) -> Self {
        let velocities = learned.iter().map(|(_, tensor)| tensor.detach().zeros_like()).collect();
        Self { rule, velocities }
    }

    /// Moves each learned tensor by its gradient at learning rate `rate`.
    ///
    /// SGD (all tensors): g ← g + λw; v ← mv + g; w ← w − rate·v.
    /// LARS (weights; You et al. 2017 in the published code's form): g ← g + λw; trust = η|w|/|g|, 1 if either norm is
    /// 0; v ← mv + rate·trust·g; w ← w − v. Scales, shifts and biases move without decay, with trust 1.
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
        for (((param, weight), gradient), velocity) in learned.iter().zip(gradients).zip(&mut self.velocities)
        {
            let mut weight = weight.shallow_clone();
            match self.rule {
                Rule::Sgd { momentum, weight_decay } => {
                    let gradient = gradient.f_add(&weight.f_mul_scalar(weight_decay)?)?;
                    let _ = velocity.f_mul_scalar_(momentum)?.f_add_(&gradient)?;
                    let _ = weight.f_sub_(&velocity.f_mul_scalar(rate)?)?;
                }
                Rule::Lars { momentum, weight_decay, trust_coefficient } => {
                    let push = if param.kind == ParamKind::Weight {
                        let gradient = gradient.f_add(&weight.f_mul_scalar(weight_decay)?)?;
                        let trust = trust(&weight, &gradient, trust_coefficient)?;
                        gradient.f_mul(&trust)?.f_mul_scalar(rate)?
                    } else {
                        gradient.f_mul_scalar(rate)?
                    };
                    let _ = velocity.f_mul_scalar_(momentum)?.f_add_(&push)?;
                    let _ = weight.f_sub_(velocity)?;
                }
            }
        }
        Ok(())
    }

    /// The velocities' numbers, in the order of the learned tensors.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn state(&self) -> Result<Vec<Vec<f32>>, TrainError> {
        self.velocities.iter().map(to_numbers).collect()
    }

    /// Puts velocities back that [`Optimiser::state`] gave.
    ///
    /// # Errors
    /// When their count or lengths are another network's.
    pub fn restore(&mut self, state: &[Vec<f32>]) -> Result<(), TrainError> {
        let fits = |(v, s): (&Tensor, &Vec<f32>)| v.numel() == s.len();
        if state.len() != self.velocities.len() || !self.velocities.iter().zip(state).all(fits) {
            return Err(TrainError::Recipe("the checkpoint's velocities are another network's".into()));
        }
        for (velocity, numbers) in self.velocities.iter_mut().zip(state) {
            let saved = Tensor::f_from_slice(numbers)?.f_view(velocity.size().as_slice())?;
            velocity.f_copy_(&saved)?;
        }
        Ok(())
    }
}

/// η|w|/|g| as a scalar tensor, so that no value leaves the device.
fn trust(weight: &Tensor, gradient: &Tensor, coefficient: f64) -> Result<Tensor, TrainError> {
    let (w, g) = (weight.f_norm()?, gradient.f_norm()?);
    let either_is_zero = w.f_eq(0.0)?.f_logical_or(&g.f_eq(0.0)?)?;
    let trust = w.f_div(&g)?.f_mul_scalar(coefficient)?;
    Ok(trust
        .f_where_self(&either_is_zero.f_logical_not()?, &Tensor::ones([], (Kind::Float, trust.device())))?)
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
mod tests {
    use super::*;
    use tch::Device;

    fn param(name: &str, kind: ParamKind, len: usize) -> Param {
        Param { name: name.into(), shape: vec![len], kind, starts_at_zero: false }
    }

    /// The formulas as scalar arithmetic in f64: three steps of one tensor.
    fn slow(rule: Rule, kind: ParamKind, w: &[f64], g: &[f64], rates: &[f64]) -> Vec<f64> {
        let norm = |x: &[f64]| x.iter().map(|a| a * a).sum::<f64>().sqrt();
        let (mut w, mut v) = (w.to_vec(), vec![0.0; w.len()]);
        for rate in rates {
            match rule {
                Rule::Sgd { momentum, weight_decay } => {
                    for i in 0..w.len() {
                        v[i] = momentum * v[i] + g[i] + weight_decay * w[i];
                        w[i] -= rate * v[i];
                    }
                }
                Rule::Lars { momentum, weight_decay, trust_coefficient } => {
                    let adapts = kind == ParamKind::Weight;
                    let decay = if adapts { weight_decay } else { 0.0 };
                    let d: Vec<f64> = w.iter().zip(g).map(|(w, g)| g + decay * w).collect();
                    let zero = norm(&w) == 0.0 || norm(&d) == 0.0;
                    let trust = if adapts && !zero { trust_coefficient * norm(&w) / norm(&d) } else { 1.0 };
                    for i in 0..w.len() {
                        v[i] = momentum * v[i] + rate * trust * d[i];
                        w[i] -= v[i];
                    }
                }
            }
        }
        w
    }

    fn check(rule: Rule, kind: ParamKind, w: &[f64]) {
        let g = [0.3, -0.2, 0.05, 1.5];
        let rates = [0.1, 0.4, 0.2];
        let weight = Tensor::from_slice(w).to_kind(Kind::Float);
        let gradient = Tensor::from_slice(&g).to_kind(Kind::Float);
        let param = param("x", kind, 4);
        let learned = [(&param, &weight)];
        let mut optimiser = Optimiser::new(rule, &learned);
        for rate in rates {
            optimiser.step(&learned, &[gradient.shallow_clone()], rate).unwrap();
        }
        let got = Vec::<f32>::try_from(&weight).unwrap();
        for (got, expected) in got.iter().zip(slow(rule, kind, w, &g, &rates)) {
            assert!((f64::from(*got) - expected).abs() < 1e-5, "{rule:?} {kind:?}: {got} {expected}");
        }
    }

    #[test]
    fn agree_with_scalar_arithmetic() {
        let sgd = Rule::Sgd { momentum: 0.9, weight_decay: 0.1 };
        let lars = Rule::Lars { momentum: 0.9, weight_decay: 0.1, trust_coefficient: 0.02 };
        for rule in [sgd, lars] {
            for kind in [ParamKind::Weight, ParamKind::Bias, ParamKind::Scale, ParamKind::Shift] {
                check(rule, kind, &[1.0, -2.0, 0.5, 0.25]);
                check(rule, kind, &[0.0; 4]);
            }
        }
    }

    #[test]
    fn state_of_another_network_is_refused() {
        let weight = Tensor::zeros([4], (Kind::Float, Device::Cpu));
        let param = param("x", ParamKind::Weight, 4);
        let mut optimiser =
            Optimiser::new(Rule::Sgd { momentum: 0.9, weight_decay: 0.0 }, &[(&param, &weight)]);
        assert!(optimiser.restore(&[vec![0.0; 5]]).is_err());
        assert!(optimiser.restore(&[]).is_err());
        assert!(optimiser.restore(&[vec![1.0; 4]]).is_ok());
        assert_eq!(optimiser.state().unwrap(), [vec![1.0; 4]]);
    }
}
