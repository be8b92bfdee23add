//! Gradient caching against the whole batch, and against a step that normalises each part by itself.

use simclr_models::{Description, Head, ResNet, Stem, describe_head};
use tch::Device;

use super::*;
use crate::network::{Mode, Network, to_numbers};
use crate::noise::moved;
use crate::recipe::Objective as Rule;

const PICTURES: i64 = 8;

/// Encoder and head, new each time.
fn networks() -> (Network, Network) {
    let encoder = ResNet::plain(10, 0.25, Stem::SmallPicture).describe().unwrap();
    let head = Head { layers: 2, hidden: None, output: 4, batch_norm: true, last_shift: false };
    let head = describe_head(&head, encoder.output_len()).unwrap();
    let network = |d: &Description, seed| Network::new(d.clone(), &moved(d, seed), Device::Cpu).unwrap();
    (network(&encoder, 1), network(&head, 2))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Serving,
    Plain,
    Fused,
    Bf16,
}

fn run(networks: &(Network, Network), how: How, views: &Tensor, averages: Averages) -> Tensor {
    let (mode, head_mode) = match how {
        How::Serving => (Mode::Serve, Mode::Serve),
        How::Plain | How::Bf16 => (Mode::Train(averages), Mode::Train(averages)),
        How::Fused => (Mode::TrainFused(averages), Mode::Train(averages)),
    };
    let both = || networks.1.forward(&networks.0.forward(views, mode).unwrap(), head_mode).unwrap();
    if how == How::Bf16 { simclr_torchx::autocast_bf16(Device::Cpu, both) } else { both() }
}

fn learned(networks: &(Network, Network)) -> Vec<(&Param, &Tensor)> {
    networks.0.learned().into_iter().chain(networks.1.learned()).collect()
}

fn input(views_each: i64) -> Input {
    let views = crate::noise::uniform(&[views_each * PICTURES, 3, 16, 16], 8);
    Input { views, labels: Tensor::from_slice(&[0i64, 1, 2, 3, 3, 2, 1, 0]) }
}

/// Every objective with the number of views it is fed; the first remembers some projections.
fn objectives() -> Vec<(Objective, i64)> {
    let mut queued = Objective::new(Rule::NtXent {
        temperature: 0.2,
        normalise: true,
        semi_hard: false,
        queue: 5,
        factor: 1.0,
    });
    queued.remember(&crate::noise::normal(&[6, 4], 9)).unwrap();
    vec![
        (queued, 2),
        (Objective::new(Rule::NtLogistic { temperature: 0.5, semi_hard: true }), 2),
        (Objective::new(Rule::MarginTriplet { margin: 0.8, semi_hard: false }), 2),
        (Objective::new(Rule::Supervised { classes: 4 }), 1),
        (Objective::new(Rule::Rotation), 4),
    ]
}

/// ‖a − b‖/‖b‖ of all gradients together.
fn apart(a: &[Tensor], b: &[Tensor]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |tensors: Vec<Tensor>| {
        let squares = tensors.iter().map(|t| t.to_kind(Kind::Double).square().sum(Kind::Double));
        squares.map(|s| s.double_value(&[])).sum::<f64>().sqrt()
    };
    let difference = norm(a.iter().zip(b).map(|(a, b)| a - b).collect());
    let all = norm(b.iter().map(Tensor::shallow_clone).collect());
    assert!(all > 1e-3, "nothing to compare: {all}");
    difference / all
}

#[test]
fn with_fixed_statistics_they_are_the_whole_batchs() {
    tch::set_num_threads(1);
    for (objective, views_each) in objectives() {
        let (networks, input) = (networks(), input(views_each));
        let learned = learned(&networks);
        let forward = |views: &Tensor, averages| Ok(run(&networks, How::Serving, views, averages));
        let all = whole(&forward, &learned, &objective, &input).unwrap();
        for micro in [1, 2, 4, 8] {
            let step = cached(&forward, &learned, &objective, &input, micro).unwrap();
            let far = apart(&step.gradients, &all.gradients);
            assert!(far < 1e-5, "{objective:?} by {micro}: {far}");
            assert!((step.loss.double_value(&[]) - all.loss.double_value(&[])).abs() < 1e-5);
            assert!(apart(&[step.outputs], &[all.outputs.shallow_clone()]) < 1e-5);
        }
    }
}

/// The same step with everything in memory: each part through the network by itself, the loss over all of them.
fn by_parts(
    networks: &(Network, Network),
    how: How,
    objective: &Objective,
    input: &Input,
    micro: i64,
) -> Step {
    let parts: Vec<Tensor> = (0..PICTURES / micro)
        .map(|i| run(networks, how, &input.part(i * micro, micro).unwrap(), Averages::Move))
        .collect();
    let views_each = input.views.size()[0] / PICTURES;
    let views = (0..views_each).flat_map(|v| parts.iter().map(move |rows| rows.narrow(0, v * micro, micro)));
    let outputs = Tensor::cat(&views.collect::<Vec<_>>(), 0);
    let loss = objective.loss(&outputs, input).unwrap();
    Step { gradients: gradients(&loss, &learned(networks)).unwrap(), loss, outputs }
}

#[test]
fn in_training_each_part_is_normalised_by_itself_and_averages_move_once() {
    tch::set_num_threads(1);
    for (how, most) in [(How::Plain, 1e-5), (How::Fused, 1e-5), (How::Bf16, 1e-3)] {
        for (objective, views_each) in objectives() {
            let (ours, twin, input) = (networks(), networks(), input(views_each));
            let forward = |views: &Tensor, averages| Ok(run(&ours, how, views, averages));
            let step = cached(&forward, &learned(&ours), &objective, &input, 4).unwrap();
            let slow = by_parts(&twin, how, &objective, &input, 4);
            let far = apart(&step.gradients, &slow.gradients);
            assert!(far < most, "{how:?} {objective:?}: {far}");
            assert_eq!(ours.0.weights().unwrap(), twin.0.weights().unwrap(), "{how:?}: running averages");
            assert_eq!(ours.1.weights().unwrap(), twin.1.weights().unwrap(), "{how:?}: running averages");
            assert_ne!(ours.0.weights().unwrap(), networks().0.weights().unwrap(), "averages have moved");
        }
    }
}

#[test]
fn one_part_is_the_plain_step_even_in_training() {
    tch::set_num_threads(1);
    let (objective, views_each) = objectives().remove(0);
    let (ours, twin, input) = (networks(), networks(), input(views_each));
    let of = |n: &(Network, Network)| n.0.weights().unwrap();
    let forward = |views: &Tensor, averages| Ok(run(&ours, How::Fused, views, averages));
    let step = cached(&forward, &learned(&ours), &objective, &input, PICTURES).unwrap();
    let forward = |views: &Tensor, averages| Ok(run(&twin, How::Fused, views, averages));
    let plain = whole(&forward, &learned(&twin), &objective, &input).unwrap();
    assert!(apart(&step.gradients, &plain.gradients) < 1e-5);
    assert_eq!(of(&ours), of(&twin));
    assert_eq!(to_numbers(&step.outputs).unwrap(), to_numbers(&plain.outputs).unwrap());
    // Parts change what batch-norms see: the difference is real, not noise.
    let halves = networks();
    let forward = |views: &Tensor, averages| Ok(run(&halves, How::Fused, views, averages));
    let step = cached(&forward, &learned(&halves), &objective, &input, 4).unwrap();
    assert!(apart(&step.gradients, &plain.gradients) > 1e-2);
}
