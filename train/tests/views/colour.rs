//! Colour jitter and dropping colour, from the textbook's HSV.

use simclr_train::recipe::{Brightness, Views};
use simclr_train::views::{Draw, DrawnJitter};

use crate::twin::{Planes, SIDE, check, recipe};

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
        Draw { jitter, ..Draw::whole() }
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
    check(&[Draw::whole(), Draw { grey: true, ..Draw::whole() }, Draw::whole()], &recipe(), slow, 1e-5);
}
