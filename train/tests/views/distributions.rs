//! The distributions of crops and colour jitter against those that torchvision and TensorFlow draw from.

use std::collections::HashMap;

use simclr_train::TrainRecipe;
use simclr_train::recipe::{CropDraw, Views};
use simclr_train::views::{Draw, DrawnJitter};
use tch::Tensor;

use crate::golden::golden;

const DRAWS: i64 = 20_000;

fn draws(change: impl Fn(&mut Views)) -> Vec<Draw> {
    let mut recipe = TrainRecipe::parse(include_str!("../../recipes/tiny.toml")).unwrap().views;
    change(&mut recipe);
    (0..DRAWS).map(|picture| Draw::new(&recipe, 5, 6, picture, 1)).collect()
}

/// Largest distance between our distribution function and theirs at their quantiles.
fn distance(ours: impl Iterator<Item = f64>, theirs: &Tensor) -> f64 {
    let mut ours: Vec<f64> = ours.collect();
    ours.sort_by(f64::total_cmp);
    let quantiles = Vec::<f32>::try_from(theirs).unwrap();
    let last = quantiles.len() - 1;
    let share =
        |quantile: f32| ours.partition_point(|&x| x <= f64::from(quantile)) as f64 / ours.len() as f64;
    // The ends are extremes, which have no share of their own.
    (1..last).map(|i| (share(quantiles[i]) - i as f64 / last as f64).abs()).fold(0.0, f64::max)
}

/// Kolmogorov and Smirnov's: exceeded once in a thousand by equal distributions.
fn bound(theirs: f64) -> f64 {
    let ours = DRAWS as f64;
    1.95 * ((ours + theirs) / (ours * theirs)).sqrt()
}

/// Areas, aspects and places.
fn crop_distances(draws: &[Draw], golden: &HashMap<String, Tensor>) -> [f64; 4] {
    let crops = || draws.iter().map(|draw| draw.crop);
    [
        distance(crops().map(|c| c.width * c.height), &golden["crop.area"]),
        distance(crops().map(|c| (c.width / c.height).ln()), &golden["crop.log_aspect"]),
        distance(crops().map(|c| c.left / (1.0 - c.width + 1e-9)), &golden["crop.left"]),
        distance(crops().map(|c| c.top / (1.0 - c.height + 1e-9)), &golden["crop.top"]),
    ]
}

#[test]
fn crops_by_area_are_torchvisions_and_by_height_tensorflows() {
    let (torchvision, tensorflow) = (golden("torchvision"), golden("tensorflow"));
    let by_area = draws(|r| r.crop_draw = CropDraw::Area);
    let by_height = draws(|r| r.crop_draw = CropDraw::Height);
    for (name, draws, same, theirs, other) in [
        ("area", &by_area, &torchvision, 1e5, &tensorflow),
        ("height", &by_height, &tensorflow, 2e4, &torchvision),
    ] {
        let found = crop_distances(draws, same);
        assert!(found.iter().all(|&d| d < bound(theirs)), "{name}: {found:?} of {}", bound(theirs));
        // The comparison tells them apart.
        let found = crop_distances(draws, other);
        assert!(found[0] > 0.1 && found[1] > 0.03, "{name}: {found:?}");
    }
}

#[test]
fn jitters_are_torchvisions() {
    let golden = golden("torchvision");
    let draws = draws(|r| (r.jitter, r.strength) = (1.0, 0.5));
    let jitters: Vec<DrawnJitter> = draws.iter().filter_map(|draw| draw.jitter).collect();
    let check = |name: &str, field: fn(&DrawnJitter) -> f64| {
        let found = distance(jitters.iter().map(field), &golden[name]);
        assert!(found < bound(1e5), "{name}: {found} of {}", bound(1e5));
    };
    check("jitter.brightness", |j| j.brightness);
    check("jitter.contrast", |j| j.contrast);
    check("jitter.saturation", |j| j.saturation);
    check("jitter.hue", |j| j.hue);
    let mut counts = HashMap::new();
    for jitter in &jitters {
        *counts.entry(jitter.order).or_insert(0u32) += 1;
    }
    let mut orders: Vec<([u8; 4], u32)> = counts.into_iter().collect();
    orders.sort_unstable();
    let theirs = Vec::<f32>::try_from(&golden["jitter.orders"]).unwrap();
    assert_eq!(orders.len(), theirs.len());
    for ((order, count), theirs) in orders.into_iter().zip(theirs) {
        // Five deviations of a share of 1/24 in our draws and theirs.
        let ours = f64::from(count) / DRAWS as f64;
        assert!((ours - f64::from(theirs)).abs() < 0.0078, "{order:?}: {ours} {theirs}");
    }
}
