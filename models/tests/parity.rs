//! ONNX Runtime against the slow reference, on random numbers, for every depth and both stems.

mod common;

use common::{draft, random_batch, random_weights};
use simclr_models::{Artefact, Embedding, Encoder, OnnxEncoder, ResNet, Stem, reference};

/// Largest |a − b| / max(1, |b|) over all embeddings, and the largest |b|.
fn worst_difference(network: ResNet, side: usize) -> (f32, f32) {
    let description = network.describe().expect("it exists");
    let weights = random_weights(&description, u64::from(network.depth));
    let folder = tempfile::tempdir().expect("a place for files");
    let artefact = Artefact::create(&folder.path().join("a"), &network, &weights, draft("a", side as u32))
        .expect("an empty folder");
    let batch = random_batch(2, side, 3);
    let fast =
        OnnxEncoder::open(&artefact, 1).and_then(|mut encoder| encoder.embed(&batch)).expect("it runs");
    let slow = reference::forward(&description, &weights, &batch);
    assert_eq!((fast.len(), slow.len()), (2, 2));
    let pairs = || fast.iter().flat_map(Embedding::as_slice).zip(slow.iter().flatten());
    assert_eq!(pairs().count(), 2 * description.output_len());
    let worst = pairs().map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f32::max);
    (worst, pairs().map(|(_, b)| b.abs()).fold(0.0, f32::max))
}

fn check_every_depth(stem: Stem, side: usize) {
    for depth in [10, 18, 34, 50, 101, 152] {
        let (worst, largest) = worst_difference(ResNet::plain(depth, 0.25, stem), side);
        println!("ResNet-{depth}, {stem:?}: largest number {largest}, worst difference {worst:e}");
        assert!(largest > 0.1, "ResNet-{depth}, {stem:?}: embeddings are all but zero, nothing was tested");
        assert!(worst < 1e-4, "ResNet-{depth}, {stem:?}: {worst} apart");
    }
}

#[test]
fn every_depth_with_the_small_picture_stem() {
    check_every_depth(Stem::SmallPicture, 9);
}

#[test]
fn every_depth_with_the_imagenet_stem() {
    check_every_depth(Stem::Imagenet, 40);
}

#[test]
fn some_depths_with_torchvisions_stem() {
    for depth in [18, 50] {
        let network = ResNet::plain(depth, 0.25, Stem::Torchvision);
        let (worst, largest) = worst_difference(network, 33);
        assert!(largest > 0.1 && worst < 1e-4, "ResNet-{depth}: {worst} apart, largest {largest}");
    }
}

#[test]
fn selective_kernels_with_every_stem() {
    let sides =
        [(Stem::SmallPicture, 9), (Stem::Imagenet, 40), (Stem::Imagenet, 37), (Stem::Torchvision, 33)];
    for (depth, (stem, side)) in [50, 50, 101, 50].into_iter().zip(sides) {
        let network = ResNet { selective_kernels: true, ..ResNet::plain(depth, 0.5, stem) };
        let (worst, largest) = worst_difference(network, side);
        println!("ResNet-{depth}, {stem:?}, side {side}: largest {largest}, worst difference {worst:e}");
        assert!(largest > 0.1 && worst < 1e-4, "ResNet-{depth}: {worst} apart, largest {largest}");
    }
}

#[test]
fn other_widths_and_odd_sides() {
    for (width, side, stem) in
        [(0.5, 9, Stem::SmallPicture), (0.75, 33, Stem::Imagenet), (1.0, 8, Stem::SmallPicture)]
    {
        let (worst, _) = worst_difference(ResNet::plain(18, width, stem), side);
        assert!(worst < 1e-4, "width {width}, side {side}, {stem:?}: {worst} apart");
    }
}
