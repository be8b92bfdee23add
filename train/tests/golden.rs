//! NT-Xent and the optimisers against lightly and PyTorch: figures made by `golden/lightly_losses.py`.

#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use simclr_models::{Param, ParamKind};
use simclr_train::objective::{Input, Objective};
use simclr_train::optimiser::Optimiser;
use simclr_train::recipe::{Objective as Rule, Optimiser as OptimiserRule};
use tch::{Device, Kind, Tensor};

#[derive(Deserialize)]
struct Golden {
    nt_xent: Vec<NtXent>,
    optimisers: Vec<Run>,
}

#[derive(Deserialize)]
struct NtXent {
    pictures: i64,
    width: i64,
    temperature: f64,
    projections: Vec<f32>,
    loss: f64,
    gradient: Vec<f32>,
}

#[derive(Deserialize)]
struct Run {
    rule: OptimiserRule,
    kinds: Vec<String>,
    start: Vec<Vec<f32>>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    rate: f64,
    gradients: Vec<Vec<f32>>,
    after: Vec<Vec<f32>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/lightly_losses.json")).unwrap()
}

fn assert_close(tensor: &Tensor, expected: &[f32], what: &str) {
    let got = Vec::<f32>::try_from(tensor.detach().flatten(0, -1)).unwrap();
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-5 * expected.abs().max(1.0), "{what}: {got} {expected}");
    }
}

#[test]
fn nt_xent_is_lightlys() {
    let cases = golden().nt_xent;
    assert_eq!(cases.len(), 4);
    for NtXent { pictures, width, temperature, projections, loss, gradient } in cases {
        let rule = Rule::NtXent { temperature, normalise: true, semi_hard: false, queue: 0, factor: 1.0 };
        let z = Tensor::from_slice(&projections).view([2 * pictures, width]).set_requires_grad(true);
        let empty = Tensor::zeros([0], (Kind::Float, Device::Cpu));
        let input = Input { views: empty, labels: Tensor::zeros([pictures], (Kind::Int64, Device::Cpu)) };
        let ours = Objective::new(rule).loss(&z, &input).unwrap();
        let difference = ours.double_value(&[]) - loss;
        assert!(difference.abs() < 1e-5, "τ {temperature}: {difference}");
        let ours = Tensor::run_backward(&[ours], &[&z], false, false).remove(0);
        assert_close(&ours, &gradient, &format!("gradient at τ {temperature}"));
    }
}

#[test]
fn optimisers_are_lightlys_and_torchs() {
    let runs = golden().optimisers;
    assert_eq!(runs.len(), 5);
    for Run { rule, kinds, start, steps } in runs {
        let kind = |name: &String| match name.as_str() {
            "weight" => ParamKind::Weight,
            "scale" => ParamKind::Scale,
            "shift" => ParamKind::Shift,
            _ => ParamKind::Bias,
        };
        let param = |name: &String| Param {
            name: name.clone(),
            shape: vec![],
            kind: kind(name),
            starts_at_zero: false,
        };
        let params: Vec<Param> = kinds.iter().map(param).collect();
        let tensors: Vec<Tensor> = start.iter().map(|numbers| Tensor::from_slice(numbers)).collect();
        let learned: Vec<(&Param, &Tensor)> = params.iter().zip(&tensors).collect();
        let mut optimiser = Optimiser::new(rule, &learned);
        for (index, step) in steps.iter().enumerate() {
            let gradients: Vec<Tensor> = step.gradients.iter().map(|g| Tensor::from_slice(g)).collect();
            optimiser.step(&learned, &gradients, step.rate).unwrap();
            for (((param, tensor), after), before) in learned.iter().zip(&step.after).zip(&start) {
                assert_close(tensor, after, &format!("{rule:?}, step {index}, {}", param.name));
                assert!(before != after, "nothing moved");
            }
        }
    }
}
