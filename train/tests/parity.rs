//! One network, three ways: libtorch, ONNX Runtime and the slow reference agree on random weights for every depth.

#![allow(clippy::unwrap_used)]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simclr_models::{
    Artefact, CardDraft, Description, Encoder, Filter, ImageBatch, NamedTensor, OnnxEncoder, ParamKind,
    Recipe, ResNet, Stem, Training, Weights, reference,
};
use simclr_train::network::{Mode, Network};
use tch::{Device, Tensor};

const TOLERANCE: f32 = 1e-4;

/// First weights with every scale, shift and running average moved, so that batch-norms are really tested.
fn trained_looking(description: &Description) -> Weights {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let tensors = Weights::initial(description, 2).tensors().to_vec();
    let moved = description.params().into_iter().zip(tensors).map(|(param, tensor)| {
        let range = match param.kind {
            ParamKind::Weight | ParamKind::FixedShift => return tensor,
            ParamKind::Scale => 0.2..0.6,
            ParamKind::RunningVariance => 0.5..1.5,
            ParamKind::Bias | ParamKind::Shift | ParamKind::RunningMean => -0.3..0.3,
        };
        let data = tensor.data.iter().map(|_| random.random_range(range.clone())).collect();
        NamedTensor { data, ..tensor }
    });
    Weights::check(description, moved.collect()).unwrap()
}

fn images(side: usize) -> ImageBatch {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    ImageBatch::from_prepared(
        side,
        (0..2).map(|_| (0..3 * side * side).map(|_| random.random::<f32>()).collect()),
    )
}

fn by_torch(description: &Description, weights: &Weights, images: &ImageBatch) -> Vec<f32> {
    let _no_grad = tch::no_grad_guard();
    let side = images.side() as i64;
    let input = Tensor::from_slice(images.as_slice()).view([images.len() as i64, 3, side, side]);
    let network = Network::new(description.clone(), weights, Device::Cpu).unwrap();
    let rows = network.forward(&input, Mode::Serve).unwrap();
    Vec::try_from(rows.flatten(0, -1)).unwrap()
}

fn by_onnx(network: &ResNet, weights: &Weights, images: &ImageBatch) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let side = images.side() as u32;
    let draft = CardDraft {
        name: "parity".into(),
        recipe: Recipe { side, resize: side, filter: Filter::Bicubic, mean: [0.0; 3], deviation: [1.0; 3] },
        licence: "none".into(),
        training: Training {
            method: "none".into(),
            data: "none".into(),
            epochs: 0,
            loss: None,
            recipe: String::new(),
            program: "test".into(),
            earlier: vec![],
        },
    };
    let artefact = Artefact::create(&folder.path().join("parity"), network, weights, draft).unwrap();
    let rows = OnnxEncoder::open(&artefact, 1).unwrap().embed(images).unwrap();
    rows.into_iter().flat_map(simclr_models::Embedding::into_vec).collect()
}

fn check(network: ResNet) {
    tch::set_num_threads(1);
    let ResNet { depth, stem, .. } = network;
    let description = network.describe().unwrap();
    let (weights, images) = (trained_looking(&description), images(32));
    let slow: Vec<f32> = reference::forward(&description, &weights, &images).into_iter().flatten().collect();
    let largest = slow.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    assert!(largest > 1e-3, "ResNet-{depth} gives nothing to compare");
    for (who, fast) in [
        ("libtorch", by_torch(&description, &weights, &images)),
        ("ONNX Runtime", by_onnx(&network, &weights, &images)),
    ] {
        assert_eq!(fast.len(), slow.len());
        let difference =
            fast.iter().zip(&slow).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest.max(1.0);
        assert!(difference < TOLERANCE, "ResNet-{depth} {stem:?}: {who} differs by {difference}");
    }
}

#[test]
fn small_picture_networks_agree_three_ways() {
    for depth in [10, 18, 34, 50, 101, 152] {
        check(ResNet::plain(depth, 0.25, Stem::SmallPicture));
    }
}

#[test]
fn imagenet_networks_agree_three_ways() {
    for depth in [10, 18, 34, 50, 101, 152] {
        check(ResNet::plain(depth, 0.25, Stem::Imagenet));
    }
}

#[test]
fn selective_kernels_agree_three_ways() {
    for stem in [Stem::SmallPicture, Stem::Imagenet] {
        check(ResNet { selective_kernels: true, ..ResNet::plain(50, 0.25, stem) });
    }
}
