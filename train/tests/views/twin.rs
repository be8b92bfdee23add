//! What the comparisons share: pictures, their planes, the comparison itself.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simclr_train::TrainRecipe;
use simclr_train::recipe::Views;
use simclr_train::views::{Draw, augment};
use tch::{Kind, Tensor};

/// Of the pictures and, unless a test says otherwise, of their views.
pub(crate) const SIDE: usize = 20;

/// Three planes of one picture.
pub(crate) type Planes = Vec<Vec<f64>>;

pub(crate) fn recipe() -> Views {
    let mut views = TrainRecipe::parse(include_str!("../../recipes/tiny.toml")).unwrap().views;
    views.side = SIDE as u32;
    views
}

pub(crate) fn pictures(count: i64) -> Tensor {
    // Not libtorch's generator: it is one for all threads, and tests run on several.
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let shape = [count, 3, SIDE as i64, SIDE as i64];
    let numbers: Vec<f32> = (0..shape.iter().product::<i64>()).map(|_| random.random()).collect();
    Tensor::from_slice(&numbers).view(shape)
}

pub(crate) fn planes(picture: &Tensor) -> Planes {
    let plane = |c| Vec::<f64>::try_from(picture.get(c).to_kind(Kind::Double).flatten(0, -1)).unwrap();
    (0..3).map(plane).collect()
}

/// Holds each drawn view of a picture of its own against what `slow` makes of the picture.
pub(crate) fn check(draws: &[Draw], recipe: &Views, slow: impl Fn(&Planes, &Draw) -> Planes, tolerance: f64) {
    let pictures = pictures(draws.len() as i64);
    let views = augment(&pictures, draws, recipe).unwrap();
    for (row, draw) in draws.iter().enumerate() {
        let expected = slow(&planes(&pictures.get(row as i64)), draw);
        let found = planes(&views.get(row as i64));
        assert_eq!(found.iter().flatten().count(), expected.iter().flatten().count());
        for (fast, slow) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((fast - slow).abs() < tolerance, "row {row}: {fast} {slow} {draw:?}");
        }
    }
}
