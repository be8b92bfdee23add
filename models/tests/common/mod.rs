//! What several tests need: networks whose every number matters, pictures, a draft of a card.
#![allow(dead_code, reason = "each test binary uses its part")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simclr_models::{
    CardDraft, Description, Filter, ImageBatch, NamedTensor, ParamKind, Recipe, ResNet, Stem, Training,
    Weights,
};

pub(crate) const TINY: ResNet = ResNet::plain(10, 0.25, Stem::SmallPicture);

/// Weights in which no scale is zero or one, no shift or running mean zero, and the output stays near 1.
pub(crate) fn random_weights(description: &Description, seed: u64) -> Weights {
    let initial = Weights::initial(description, seed);
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED);
    let mut between = |low: f32, high: f32| low + (high - low) * random.random::<f32>();
    let tensors = description.params().into_iter().zip(initial.tensors()).map(|(param, tensor)| {
        let data = match param.kind {
            ParamKind::Weight | ParamKind::FixedShift => tensor.data.clone(),
            ParamKind::Scale | ParamKind::RunningVariance => vec_of(param.len(), || between(0.5, 1.5)),
            ParamKind::Bias | ParamKind::Shift | ParamKind::RunningMean => {
                vec_of(param.len(), || between(-0.2, 0.2))
            }
        };
        NamedTensor { name: param.name, shape: param.shape, data }
    });
    Weights::check(description, tensors.collect()).expect("names and shapes are the description's")
}

fn vec_of(len: usize, number: impl FnMut() -> f32) -> Vec<f32> {
    std::iter::repeat_with(number).take(len).collect()
}

pub(crate) fn random_batch(pictures: usize, side: usize, seed: u64) -> ImageBatch {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let prepared = (0..pictures).map(|_| vec_of(3 * side * side, || random.random::<f32>() * 2.0 - 1.0));
    ImageBatch::from_prepared(side, prepared.collect::<Vec<_>>())
}

pub(crate) fn draft(name: &str, side: u32) -> CardDraft {
    CardDraft {
        name: name.into(),
        recipe: Recipe {
            side,
            resize: side,
            filter: Filter::Bicubic,
            mean: [0.4914, 0.4822, 0.4465],
            deviation: [0.25; 3],
        },
        licence: "CC0-1.0".into(),
        training: Training {
            method: "random".into(),
            data: "none".into(),
            epochs: 0,
            loss: None,
            recipe: String::new(),
            program: "test".into(),
            earlier: vec![],
        },
    }
}
