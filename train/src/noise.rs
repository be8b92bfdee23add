//! Random tensors for tests, from a generator of their own: libtorch's is one for all threads, and tests run on several.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
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
