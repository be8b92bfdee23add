//! Every augmentation against a slow twin: one pixel at a time, in f64, from the textbook formula.

#![allow(clippy::unwrap_used)]

use simclr_models::Filter;
use simclr_train::TrainRecipe;
use simclr_train::recipe::{Brightness, Views};
use simclr_train::views::{Draw, DrawnCrop, DrawnJitter, augment, pair};
use tch::{Device, Kind, Tensor};

const SIDE: usize = 20;
const WHOLE: DrawnCrop = DrawnCrop { left: 0.0, top: 0.0, width: 1.0, height: 1.0 };

/// Three planes of one picture.
type Planes = Vec<Vec<f64>>;

fn recipe() -> Views {
    let mut views = TrainRecipe::parse(include_str!("../recipes/tiny.toml")).unwrap().views;
    views.side = SIDE as u32;
    views
}

fn still() -> Draw {
    Draw { crop: WHOLE, flip: false, jitter: None, grey: false, blur: None }
}

fn pictures(count: i64) -> Tensor {
    tch::manual_seed(11);
    Tensor::rand([count, 3, SIDE as i64, SIDE as i64], (Kind::Float, Device::Cpu))
}

fn planes(tensor: &Tensor, row: i64) -> Planes {
    (0..3)
        .map(|c| Vec::<f64>::try_from(tensor.get(row).get(c).to_kind(Kind::Double).flatten(0, -1)).unwrap())
        .collect()
}

fn check(draws: &[Draw], recipe: &Views, slow: impl Fn(&Planes, &Draw) -> Planes, tolerance: f64) {
    let pictures = pictures(draws.len() as i64);
    let views = augment(&pictures, draws, recipe).unwrap();
    for (row, draw) in draws.iter().enumerate() {
        let expected = slow(&planes(&pictures, row as i64), draw);
        for (fast, slow) in planes(&views, row as i64).iter().flatten().zip(expected.iter().flatten()) {
            assert!((fast - slow).abs() < tolerance, "row {row}: {fast} {slow} {draw:?}");
        }
    }
}

/// Samples a plane at a point given in pixels, whose centres lie at halves; the border is repeated.
fn bilinear(plane: &[f64], x: f64, y: f64) -> f64 {
    let at = |column: f64, row: f64| {
        let clamp = |v: f64| v.clamp(0.0, SIDE as f64 - 1.0) as usize;
        plane[clamp(row) * SIDE + clamp(column)]
    };
    let edge = SIDE as f64 - 1.0;
    let (x, y) = ((x - 0.5).clamp(0.0, edge), (y - 0.5).clamp(0.0, edge));
    let (fx, fy) = (x - x.floor(), y - y.floor());
    let row = |r: f64| at(x.floor(), r) * (1.0 - fx) + at(x.floor() + 1.0, r) * fx;
    row(y.floor()) * (1.0 - fy) + row(y.floor() + 1.0) * fy
}

fn slow_crop(planes: &Planes, draw: &Draw) -> Planes {
    let side = SIDE as f64;
    let pixel = |plane: &[f64], column: usize, row: usize| {
        let column = if draw.flip { SIDE - 1 - column } else { column };
        let x = (draw.crop.left + draw.crop.width * (column as f64 + 0.5) / side) * side;
        let y = (draw.crop.top + draw.crop.height * (row as f64 + 0.5) / side) * side;
        bilinear(plane, x, y)
    };
    planes.iter().map(|plane| (0..SIDE * SIDE).map(|i| pixel(plane, i % SIDE, i / SIDE)).collect()).collect()
}

#[test]
fn crops_and_flips() {
    let crop = |left, top, width, height| DrawnCrop { left, top, width, height };
    let draws = [
        still(),
        Draw { flip: true, ..still() },
        Draw { crop: crop(0.1, 0.3, 0.5, 0.4), ..still() },
        Draw { crop: crop(0.55, 0.0, 0.45, 0.9), flip: true, ..still() },
    ];
    check(&draws, &recipe(), slow_crop, 1e-4);
}

#[test]
fn a_bicubic_view_of_the_whole_picture_is_the_picture() {
    let recipe = Views { filter: Filter::Bicubic, ..recipe() };
    check(&[still()], &recipe, |planes, _| planes.clone(), 1e-5);
}

/// Textbook RGB → HSV → RGB.
fn through_hsv([r, g, b]: [f64; 3], change: impl Fn(f64, f64, f64) -> (f64, f64, f64)) -> [f64; 3] {
    let (value, least) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = value - least;
    let sixth = if chroma == 0.0 {
        0.0
    } else if value == r {
        ((g - b) / chroma).rem_euclid(6.0)
    } else if value == g {
        (b - r) / chroma + 2.0
    } else {
        (r - g) / chroma + 4.0
    };
    let saturation = if value == 0.0 { 0.0 } else { chroma / value };
    let (hue, saturation, value) = change(sixth / 6.0, saturation, value);
    let chroma = value * saturation;
    let sixth = hue.rem_euclid(1.0) * 6.0;
    let x = chroma * (1.0 - (sixth.rem_euclid(2.0) - 1.0).abs());
    let rgb = match sixth as usize {
        0 => [chroma, x, 0.0],
        1 => [x, chroma, 0.0],
        2 => [0.0, chroma, x],
        3 => [0.0, x, chroma],
        4 => [x, 0.0, chroma],
        _ => [chroma, 0.0, x],
    };
    rgb.map(|c| c + value - chroma)
}

fn slow_jitter(planes: &Planes, draw: &Draw, additive: bool) -> Planes {
    let jitter = draw.jitter.unwrap();
    let mut planes = planes.clone();
    for op in jitter.order {
        let means: Vec<f64> = planes.iter().map(|p| p.iter().sum::<f64>() / p.len() as f64).collect();
        for i in 0..SIDE * SIDE {
            let rgb = [planes[0][i], planes[1][i], planes[2][i]];
            let changed = match op {
                0 if additive => rgb.map(|c| c + jitter.brightness),
                0 => rgb.map(|c| c * jitter.brightness),
                1 => [0, 1, 2].map(|c| (rgb[c] - means[c]) * jitter.contrast + means[c]),
                2 => through_hsv(rgb, |h, s, v| (h, (s * jitter.saturation).clamp(0.0, 1.0), v)),
                _ => through_hsv(rgb, |h, s, v| (h + jitter.hue, s, v)),
            };
            for (plane, value) in planes.iter_mut().zip(changed) {
                plane[i] = value.clamp(0.0, 1.0);
            }
        }
    }
    planes
}

#[test]
fn colour_jitter_in_any_order() {
    let jitter = |brightness, contrast, saturation, hue, order| {
        let jitter = Some(DrawnJitter { brightness, contrast, saturation, hue, order });
        Draw { jitter, ..still() }
    };
    let draws = [
        jitter(1.3, 1.0, 1.0, 0.0, [0, 1, 2, 3]),
        jitter(1.0, 1.7, 1.0, 0.0, [1, 0, 2, 3]),
        jitter(1.0, 1.0, 0.2, 0.0, [2, 1, 0, 3]),
        jitter(1.0, 1.0, 1.8, 0.0, [3, 2, 0, 1]),
        jitter(1.0, 1.0, 1.0, 0.17, [3, 1, 0, 2]),
        jitter(0.7, 0.4, 1.6, -0.2, [3, 0, 2, 1]),
        jitter(1.5, 1.4, 0.5, 0.2, [2, 3, 1, 0]),
    ];
    check(&draws, &recipe(), |planes, draw| slow_jitter(planes, draw, false), 2e-4);
    let additive = Views { brightness: Brightness::Additive, ..recipe() };
    let draws = [jitter(-0.3, 1.2, 0.8, 0.1, [0, 1, 2, 3]), jitter(0.25, 0.7, 1.2, -0.1, [3, 2, 1, 0])];
    check(&draws, &additive, |planes, draw| slow_jitter(planes, draw, true), 2e-4);
}

#[test]
fn dropping_colour() {
    let slow = |planes: &Planes, draw: &Draw| {
        let grey: Vec<f64> = (0..SIDE * SIDE)
            .map(|i| 0.2989 * planes[0][i] + 0.587 * planes[1][i] + 0.114 * planes[2][i])
            .collect();
        if draw.grey { vec![grey; 3] } else { planes.clone() }
    };
    check(&[still(), Draw { grey: true, ..still() }, still()], &recipe(), slow, 1e-5);
}

#[test]
fn blur_with_a_sigma_of_its_own() {
    // A tenth of 20 pixels: 2, so a radius of 1 and 3 taps a direction, zeros beyond the border.
    let slow = |planes: &Planes, draw: &Draw| {
        let Some(sigma) = draw.blur else {
            return planes.clone();
        };
        let weight = |d: i64| (-(d * d) as f64 / (2.0 * sigma * sigma)).exp();
        let sum = weight(-1) + weight(0) + weight(1);
        let side = SIDE as i64;
        let pixel = |plane: &[f64], i: usize| {
            let (x, y) = (i as i64 % side, i as i64 / side);
            let mut total = 0.0;
            for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                if (0..side).contains(&(x + dx)) && (0..side).contains(&(y + dy)) {
                    total +=
                        weight(dx) * weight(dy) / (sum * sum) * plane[((y + dy) * side + x + dx) as usize];
                }
            }
            total
        };
        planes.iter().map(|plane| (0..SIDE * SIDE).map(|i| pixel(plane, i)).collect()).collect()
    };
    let draws = [Draw { blur: Some(0.1), ..still() }, still(), Draw { blur: Some(1.7), ..still() }];
    check(&draws, &recipe(), slow, 1e-5);
}

#[test]
fn a_pair_is_the_two_views_of_each_picture_in_order() {
    let (pictures, indices, recipe) = (pictures(3), [7, 5, 9], recipe());
    let both = pair(&pictures, &indices, &recipe, 3, 4).unwrap();
    assert_eq!(both.size(), [6, 3, SIDE as i64, SIDE as i64]);
    // The same picture alone gives the same views, whatever its batch.
    let alone = pair(&pictures.narrow(0, 1, 1), &indices[1..2], &recipe, 3, 4).unwrap();
    assert!(alone.get(0).allclose(&both.get(1), 1e-5, 1e-6, false));
    assert!(alone.get(1).allclose(&both.get(4), 1e-5, 1e-6, false));
    assert!(!both.get(1).allclose(&both.get(4), 1e-3, 1e-3, false));
}
