//! Fused and plain passes come to the same.

use super::*;
use simclr_models::{ResNet, Stem};

#[test]
fn fused_training_equals_plain_training() {
    tch::set_num_threads(1);
    for (depth, stem, selective_kernels) in
        [(18, Stem::SmallPicture, false), (50, Stem::Imagenet, false), (50, Stem::SmallPicture, true)]
    {
        let network = ResNet { selective_kernels, ..ResNet::plain(depth, 0.25, stem) };
        let description = network.describe().unwrap();
        let weights = Weights::initial(&description, 3);
        let images = crate::noise::uniform(&[6, 3, 32, 32], 1);
        let run = |mode| {
            let network = Network::new(description.clone(), &weights, Device::Cpu).unwrap();
            let loss = network.forward(&images, mode).unwrap().square().sum(Kind::Float);
            let tensors: Vec<&Tensor> = network.learned().into_iter().map(|(_, t)| t).collect();
            let gradients = Tensor::run_backward(&[loss], &tensors, false, false);
            let numbers: Vec<Vec<f32>> = gradients.iter().map(|g| to_numbers(g).unwrap()).collect();
            (numbers, network.weights().unwrap())
        };
        let (plain, fused) = (run(Mode::Train(Averages::Move)), run(Mode::TrainFused(Averages::Move)));
        let far = |a: &[f32], b: &[f32]| {
            let largest = a.iter().fold(1e-3f32, |m, x| m.max(x.abs()));
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
        };
        for (a, b) in plain.0.iter().zip(&fused.0) {
            assert!(far(a, b) < 1e-3, "gradient of ResNet-{depth}: {}", far(a, b));
        }
        for (a, b) in plain.1.tensors().iter().zip(fused.1.tensors()) {
            assert!(far(&a.data, &b.data) < 1e-4, "{}: {}", a.name, far(&a.data, &b.data));
        }
    }
}
