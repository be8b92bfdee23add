//! Every rule against scalar arithmetic in f64, interrupted before each step.

use super::*;
use tch::{Device, Kind};

const GRADIENT: [f64; 4] = [0.3, -0.2, 0.05, 1.5];
const RATES: [f64; 3] = [0.1, 0.4, 0.2];

fn param(kind: ParamKind) -> Param {
    Param { name: "x".into(), shape: vec![4], kind, starts_at_zero: false }
}

/// A linear classifier's weights.
fn classifier() -> Param {
    Param { starts_at_zero: true, ..param(ParamKind::Weight) }
}

/// λ for a tensor: of weights and biases always, of batch-norms' where the rule says so.
fn slow_decay(rule: Rule, param: &Param) -> f64 {
    match (rule, param.kind) {
        (
            Rule::Sgd { decay_norms: false, .. } | Rule::Adam { decay_norms: false, .. },
            ParamKind::Scale | ParamKind::Shift,
        ) => 0.0,
        (
            Rule::Sgd { weight_decay, .. }
            | Rule::Lars { weight_decay, .. }
            | Rule::Adam { weight_decay, .. },
            _,
        ) => weight_decay,
    }
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|a| a * a).sum::<f64>().sqrt()
}

/// The gradient that LARS lets into the velocity, before the rate.
fn slow_lars(rule: Rule, w: &[f64], g: &[f64]) -> Vec<f64> {
    let Rule::Lars { weight_decay, trust_coefficient, norm_of_sum, .. } = rule else { unreachable!() };
    let decayed: Vec<f64> = w.iter().zip(g).map(|(w, g)| g + weight_decay * w).collect();
    if norm_of_sum {
        let is_zero = norm(w) == 0.0 || norm(&decayed) == 0.0;
        let trust = if is_zero { 1.0 } else { trust_coefficient * norm(w) / norm(&decayed) };
        return decayed.iter().map(|d| trust * d).collect();
    }
    if norm(w) == 0.0 || norm(g) == 0.0 {
        return g.to_vec();
    }
    let trust = trust_coefficient * norm(w) / (norm(g) + weight_decay * norm(w) + 1e-8);
    decayed.iter().map(|d| trust * d).collect()
}

/// Adam after `t` updates with one gradient, in closed form but for the weights.
fn slow_adam(rule: Rule, weight_decay: f64, w: &mut [f64], state: &mut [[f64; 2]], t: i32, rate: f64) {
    let Rule::Adam { betas, epsilon, decoupled, .. } = rule else { unreachable!() };
    for i in 0..w.len() {
        let g = GRADIENT[i] + if decoupled { 0.0 } else { weight_decay * w[i] };
        let [m, s] = &mut state[i];
        *m = betas[0] * *m + (1.0 - betas[0]) * g;
        *s = betas[1] * *s + (1.0 - betas[1]) * g * g;
        let (m, s) = (*m / (1.0 - betas[0].powi(t)), *s / (1.0 - betas[1].powi(t)));
        let shrink = if decoupled { rate * weight_decay * w[i] } else { 0.0 };
        w[i] -= rate * m / (s.sqrt() + epsilon) + shrink;
    }
}

/// The formulas as scalar arithmetic in f64: three steps of one tensor.
fn slow(rule: Rule, param: &Param, w: &[f64]) -> Vec<f64> {
    let weight_decay = slow_decay(rule, param);
    let (mut w, mut v, mut moments) = (w.to_vec(), vec![0.0; w.len()], vec![[0.0; 2]; w.len()]);
    for (t, rate) in RATES.into_iter().enumerate() {
        match rule {
            Rule::Sgd { momentum, nesterov, .. } => {
                for i in 0..w.len() {
                    let g = GRADIENT[i] + weight_decay * w[i];
                    v[i] = momentum * v[i] + g;
                    w[i] -= rate * if nesterov { g + momentum * v[i] } else { v[i] };
                }
            }
            Rule::Lars { momentum, rate_in_velocity, adapt_classifier, .. } => {
                let adapts = param.kind == ParamKind::Weight && (adapt_classifier || !param.starts_at_zero);
                let d = if adapts { slow_lars(rule, &w, &GRADIENT) } else { GRADIENT.to_vec() };
                for i in 0..w.len() {
                    v[i] = momentum * v[i] + if rate_in_velocity { rate * d[i] } else { d[i] };
                    w[i] -= if rate_in_velocity { v[i] } else { rate * v[i] };
                }
            }
            Rule::Adam { .. } => {
                let t = i32::try_from(t).unwrap() + 1;
                slow_adam(rule, weight_decay, &mut w, &mut moments, t, rate);
            }
        }
    }
    w
}

fn check(rule: Rule, param: &Param, w: &[f64]) {
    let weight = Tensor::from_slice(w).to_kind(Kind::Float);
    let gradient = Tensor::from_slice(&GRADIENT).to_kind(Kind::Float);
    let learned = [(param, &weight)];
    let mut optimiser = Optimiser::new(rule, &learned);
    for rate in RATES {
        // Interrupted before every step: the state must be all there is.
        let (state, updates) = (optimiser.state().unwrap(), optimiser.updates);
        optimiser = Optimiser::new(rule, &learned);
        optimiser.restore(&state, updates).unwrap();
        optimiser.step(&learned, &[gradient.shallow_clone()], rate).unwrap();
    }
    let got = Vec::<f32>::try_from(&weight).unwrap();
    for (got, expected) in got.iter().zip(slow(rule, param, w)) {
        assert!((f64::from(*got) - expected).abs() < 1e-5, "{rule:?} {param:?}: {got} {expected}");
    }
}

#[test]
fn agree_with_scalar_arithmetic() {
    let sgd = |nesterov, decay_norms| Rule::Sgd { momentum: 0.9, weight_decay: 0.1, decay_norms, nesterov };
    let lars = |rate_in_velocity, norm_of_sum, adapt_classifier| Rule::Lars {
        momentum: 0.9,
        weight_decay: 0.1,
        trust_coefficient: 0.02,
        rate_in_velocity,
        norm_of_sum,
        adapt_classifier,
    };
    let adam = |decoupled, decay_norms| Rule::Adam {
        betas: [0.9, 0.99],
        epsilon: 1e-3,
        weight_decay: 0.1,
        decay_norms,
        decoupled,
    };
    let rules = [
        sgd(false, true),
        sgd(true, true),
        sgd(true, false),
        lars(true, true, true),
        lars(false, true, true),
        lars(true, false, true),
        lars(false, false, true),
        lars(true, true, false),
        adam(false, true),
        adam(true, true),
        adam(false, false),
        adam(true, false),
    ];
    let kinds = [ParamKind::Weight, ParamKind::Bias, ParamKind::Scale, ParamKind::Shift];
    for rule in rules {
        for param in kinds.into_iter().map(param).chain([classifier()]) {
            check(rule, &param, &[1.0, -2.0, 0.5, 0.25]);
            check(rule, &param, &[0.0; 4]);
        }
    }
}

#[test]
fn state_of_another_network_is_refused() {
    let weight = Tensor::zeros([4], (Kind::Float, Device::Cpu));
    let param = param(ParamKind::Weight);
    let rule = Rule::Sgd { momentum: 0.9, weight_decay: 0.0, decay_norms: true, nesterov: false };
    let mut optimiser = Optimiser::new(rule, &[(&param, &weight)]);
    assert!(optimiser.restore(&vec![vec![vec![0.0; 5]]], 1).is_err());
    assert!(optimiser.restore(&vec![], 1).is_err());
    assert!(optimiser.restore(&vec![vec![vec![1.0; 4]]; 2], 1).is_err());
    assert!(optimiser.restore(&vec![vec![vec![1.0; 4]]], 1).is_ok());
    assert_eq!(optimiser.state().unwrap(), [[vec![1.0; 4]]]);
}
