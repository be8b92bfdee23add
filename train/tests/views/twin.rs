//! What the comparisons share: pictures, their planes, the comparison itself.

use simclr_train::TrainRecipe;
use simclr_train::recipe::Views;
use simclr_train::views::{Draw, augment};
use tch::{Device, Kind, Tensor};

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
    tch::manual_seed(11);
    Tensor::rand([count, 3, SIDE as i64, SIDE as i64], (Kind::Float, Device::Cpu))
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
