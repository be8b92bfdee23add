//! Random tensors and weights for tests, from a generator of their own: libtorch's is one for all threads, and tests run on several.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use simclr_models::{Description, NamedTensor, ParamKind, Weights};
use tch::Tensor;

/// Uniform in 0…1, f32.
pub(crate) fn uniform(shape: &[i64], seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let numbers: Vec<f32> = (0..shape.iter().product::<i64>()).map(|_| random.random()).collect();
    Tensor::from_slice(&numbers).view(shape)
}

/// Normal with mean 0 and deviation 1, f32.
pub(crate) fn normal(shape: &[i64], seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let numbers: Vec<f32> =
        (0..shape.iter().product::<i64>()).map(|_| random.sample(StandardNormal)).collect();
    Tensor::from_slice(&numbers).view(shape)
}

/// First weights with running averages and scales moved, so that no branch is silent.
pub(crate) fn moved(description: &Description, seed: u64) -> Weights {
    let tensors = Weights::initial(description, seed).tensors().to_vec();
    let moved = description.params().into_iter().zip(tensors).map(|(param, tensor)| {
        let value = |i: usize| 0.5 + 0.1 * ((i * 7 + 3) % 11) as f32;
        match param.kind {
            ParamKind::Scale | ParamKind::RunningVariance => {
                let data = (0..tensor.data.len()).map(value).collect();
                NamedTensor { data, ..tensor }
            }
            _ => tensor,
        }
    });
    Weights::check(description, moved.collect()).unwrap()
}
