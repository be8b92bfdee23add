//! Fused and plain passes come to the same.

use super::*;
use simclr_models::{Head, HeadLayers, ResNet, Stem};

use crate::noise::{moved, normal, uniform};

/// ResNets, and one that ends with a head's layer: matrix product, batch-norm of rows, relu.
fn networks() -> Vec<Description> {
    let plain = |depth, stem| ResNet::plain(depth, 0.25, stem);
    let head = Head { layers: 2, hidden: None, output: 8, batch_norm: true, last_shift: true };
    let selective = ResNet { selective_kernels: true, ..plain(50, Stem::SmallPicture) };
    vec![
        plain(18, Stem::SmallPicture).describe().unwrap(),
        plain(50, Stem::Imagenet).describe().unwrap(),
        selective.describe().unwrap(),
        plain(18, Stem::SmallPicture).describe_to(Some(&HeadLayers { layers: 1, head })).unwrap(),
    ]
}

#[test]
fn fused_training_equals_plain_training() {
    tch::set_num_threads(1);
    for (which, description) in networks().iter().enumerate() {
        compare(which, description, &Weights::initial(description, 3), 1e-3);
        // No branch is silent, so rounding grows on its way through all of them: batch-norms over six numbers have made 0.025
        // of it. A step that is fused wrongly is off by as much as the gradient itself; the operation alone is compared
        // closely in torchx.
        for gradient in compare(which, description, &moved(description, 3), 0.2) {
            assert!(gradient > 0.0, "network {which}: nothing to compare");
        }
    }
}

/// Gradients up to the share `most`, and running averages up to a tenth of that; each gradient's length.
fn compare(which: usize, description: &Description, weights: &Weights, most: f32) -> Vec<f32> {
    let images = uniform(&[6, 3, 32, 32], 1);
    let run = |mode| {
        let network = Network::new(description.clone(), weights, Device::Cpu).unwrap();
        let output = network.forward(&images, mode).unwrap();
        let loss = (&output * normal(&output.size(), 2)).sum(Kind::Float);
        let tensors: Vec<&Tensor> = network.learned().into_iter().map(|(_, t)| t).collect();
        let gradients = Tensor::run_backward(&[loss], &tensors, false, false);
        let numbers: Vec<Vec<f32>> = gradients.iter().map(|g| to_numbers(g).unwrap()).collect();
        (numbers, network.weights().unwrap())
    };
    let (plain, fused) = (run(Mode::Train(Averages::Move)), run(Mode::TrainFused(Averages::Move)));
    let length = |numbers: &[f32]| numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
    let far = |a: &[f32], b: &[f32]| {
        let differences: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        length(&differences) / length(a).max(1e-3)
    };
    let params = description.params();
    let learned = params.iter().filter(|param| param.kind.is_learned());
    for ((a, b), param) in plain.0.iter().zip(&fused.0).zip(learned) {
        assert!(far(a, b) < most, "network {which}: gradient of {}: {}", param.name, far(a, b));
    }
    for (a, b) in plain.1.tensors().iter().zip(fused.1.tensors()) {
        assert!(far(&a.data, &b.data) < most / 10.0, "{}: {}", a.name, far(&a.data, &b.data));
    }
    plain.0.iter().map(|gradient| length(gradient)).collect()
}
