//! Preprocessing against Pillow's numbers and against a slow resampler of our own.

use serde::Deserialize;
use simclr_models::{Filter, Picture, Recipe};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    width: u32,
    height: u32,
    resize: u32,
    side: u32,
    filter: Filter,
    rgb: String,
}

fn recipe(resize: u32, side: u32, filter: Filter) -> Recipe {
    Recipe { side, resize, filter, mean: [0.0; 3], deviation: [1.0; 3] }
}

/// The same picture as in golden/resize.py.
fn synthetic(width: u32, height: u32) -> Picture {
    let level = |x: u32, y: u32, c: u32| {
        let noise = (x * 7919 + y * 104_729 + c * 1_299_709) % 251;
        let edge = if (x / 5 + y / 7).is_multiple_of(2) { 255 } else { 0 };
        if (x + y + c).is_multiple_of(3) { edge } else { noise }
    };
    let rgb =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| level(x, y, c) as u8)));
    Picture::new(width, height, rgb.collect()).expect("one level per channel and pixel")
}

/// Back from three planes of 0…1 to interleaved levels.
fn levels(prepared: &[f32]) -> Vec<i32> {
    let plane = prepared.len() / 3;
    (0..prepared.len()).map(|i| (prepared[i % 3 * plane + i / 3] * 255.0).round() as i32).collect()
}

fn largest_difference(a: &[i32], b: &[i32]) -> i32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).max().unwrap_or(0)
}

#[test]
fn equals_pillow_to_one_level() {
    let golden: Golden = serde_json::from_str(include_str!("golden/resize.json")).unwrap();
    assert!(golden.cases.len() > 10);
    for case in golden.cases {
        let expected: Vec<i32> = (0..case.rgb.len())
            .step_by(2)
            .map(|at| i32::from_str_radix(&case.rgb[at..at + 2], 16).unwrap())
            .collect();
        let picture = synthetic(case.width, case.height);
        let got = levels(&recipe(case.resize, case.side, case.filter).prepare(&picture));
        let worst = largest_difference(&got, &expected);
        assert!(worst <= 1, "{}×{} to {}: off by {worst} levels", case.width, case.height, case.side);
    }
}

/// One axis, one channel, as the definition says: every source pixel weighed by the widened filter, clamped to a byte.
fn slow_axis(line: &[f64], length: usize, filter: Filter) -> Vec<f64> {
    let weigh = |x: f64| match (filter, x.abs()) {
        (Filter::Bilinear, x) => (1.0 - x).max(0.0),
        (Filter::Bicubic, x) if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        (Filter::Bicubic, x) if x < 2.0 => -0.5 * (((x - 5.0) * x + 8.0) * x - 4.0),
        (Filter::Bicubic, _) => 0.0,
    };
    let scale = line.len() as f64 / length as f64;
    let at = |i: usize| {
        let centre = (i as f64 + 0.5) * scale;
        let weights: Vec<f64> =
            (0..line.len()).map(|x| weigh((x as f64 + 0.5 - centre) / scale.max(1.0))).collect();
        let sum: f64 = line.iter().zip(&weights).map(|(l, w)| l * w).sum();
        (sum / weights.iter().sum::<f64>()).round().clamp(0.0, 255.0)
    };
    (0..length).map(at).collect()
}

/// The whole picture resized, then cut: no shortcut at all.
fn slow_prepare(picture: &Picture, resize: u32, side: u32, filter: Filter) -> Vec<i32> {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let new = |length: usize| resize as usize * length / w.min(h);
    let cut = |length: usize| ((length - side as usize) as f64 / 2.0).round_ties_even() as usize;
    let (top, left) = (cut(new(h)), cut(new(w)));
    let mut result = vec![0; (side * side * 3) as usize];
    for channel in 0..3 {
        let pixel = |x: usize, y: usize| f64::from(picture.rgb()[(y * w + x) * 3 + channel]);
        let across: Vec<Vec<f64>> = (0..h)
            .map(|y| slow_axis(&(0..w).map(|x| pixel(x, y)).collect::<Vec<_>>(), new(w), filter))
            .collect();
        for x in 0..side as usize {
            let column: Vec<f64> = across.iter().map(|row| row[left + x]).collect();
            let down = slow_axis(&column, new(h), filter);
            for y in 0..side as usize {
                result[(y * side as usize + x) * 3 + channel] = down[top + y] as i32;
            }
        }
    }
    result
}

#[test]
fn equals_the_slow_resampler_on_many_shapes() {
    let shapes = [(1, 40), (40, 1), (7, 7), (33, 8), (8, 33), (64, 48), (13, 90)];
    for (width, height) in shapes {
        let picture = synthetic(width, height);
        for (resize, side) in [(8, 8), (8, 5), (11, 8), (16, 3), (24, 23)] {
            for filter in [Filter::Bicubic, Filter::Bilinear] {
                let got = levels(&recipe(resize, side, filter).prepare(&picture));
                let worst = largest_difference(&got, &slow_prepare(&picture, resize, side, filter));
                assert!(worst <= 1, "{width}×{height}, {resize}, {side}, {filter:?}: off by {worst} levels");
            }
        }
    }
}

#[test]
fn scales_and_normalises_by_channel() {
    let picture = Picture::new(1, 1, vec![0, 51, 255]).unwrap();
    let mut recipe = recipe(2, 2, Filter::Bicubic);
    recipe.mean = [0.5, 0.2, 0.0];
    recipe.deviation = [0.5, 0.1, 2.0];
    let prepared = recipe.prepare(&picture);
    assert_eq!(prepared[..4], [-1.0; 4]);
    assert!(prepared[4..8].iter().all(|x| x.abs() < 1e-6), "{prepared:?}");
    assert_eq!(prepared[8..], [0.5; 4]);
}

#[test]
fn a_batch_keeps_order() {
    let of = |level: u8| Picture::new(2, 2, vec![level; 12]).unwrap();
    let batch = recipe(3, 3, Filter::Bilinear).prepare_batch(&[of(0), of(255), of(51)]);
    assert_eq!((batch.len(), batch.side()), (3, 3));
    assert_eq!(batch.as_slice().chunks(27).map(|p| p[13]).collect::<Vec<_>>(), [0.0, 1.0, 0.2]);
}

#[test]
fn a_very_long_picture_costs_little() {
    let picture = Picture::new(10_000_000, 1, vec![7; 30_000_000]).unwrap();
    let prepared = recipe(256, 224, Filter::Bicubic).prepare(&picture);
    assert!(prepared.iter().all(|&x| x == 7.0 / 255.0));
    let picture = Picture::new(1, 10_000_000, vec![7; 30_000_000]).unwrap();
    assert_eq!(recipe(256, 224, Filter::Bicubic).prepare(&picture), prepared);
}

#[test]
fn impossible_recipes_are_refused() {
    assert!(recipe(32, 32, Filter::Bicubic).check().is_ok());
    for (resize, side) in [(0, 0), (16, 17), (100_000, 32)] {
        assert!(recipe(resize, side, Filter::Bicubic).check().is_err(), "{resize} {side}");
    }
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let mut recipe = recipe(32, 32, Filter::Bicubic);
        recipe.deviation[1] = bad;
        assert!(recipe.check().is_err(), "{bad}");
    }
}
