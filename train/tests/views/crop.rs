//! Cropping, resizing, flipping and turning, sampled point by point.

use simclr_models::Filter;
use simclr_train::recipe::Views;
use simclr_train::views::{Draw, DrawnCrop};

use crate::twin::{Planes, SIDE, check, recipe};

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

/// Samples a plane at a point with the four by four pixels around it; those beyond the border do not count.
fn catmull_rom(plane: &[f64], x: f64, y: f64) -> f64 {
    let weight = |distance: f64| match distance.abs() {
        d if d < 1.0 => 1.5 * d.powi(3) - 2.5 * d.powi(2) + 1.0,
        d if d < 2.0 => -0.5 * d.powi(3) + 2.5 * d.powi(2) - 4.0 * d + 2.0,
        _ => 0.0,
    };
    let (mut total, mut sum) = (0.0, 0.0);
    for (i, value) in plane.iter().enumerate() {
        let (column, row) = ((i % SIDE) as f64 + 0.5, (i / SIDE) as f64 + 0.5);
        let both = weight(x - column) * weight(y - row);
        (total, sum) = (total + both * value, sum + both);
    }
    (total / sum).clamp(0.0, 1.0)
}

fn slow_crop(planes: &Planes, draw: &Draw, side: usize, sample: fn(&[f64], f64, f64) -> f64) -> Planes {
    let pixel = |plane: &[f64], column: usize, row: usize| {
        let column = if draw.flip { side - 1 - column } else { column };
        let share = |start, length, step| start + length * (step as f64 + 0.5) / side as f64;
        let x = share(draw.crop.left, draw.crop.width, column);
        let y = share(draw.crop.top, draw.crop.height, row);
        sample(plane, x * SIDE as f64, y * SIDE as f64)
    };
    planes.iter().map(|plane| (0..side * side).map(|i| pixel(plane, i % side, i / side)).collect()).collect()
}

fn crops() -> [Draw; 4] {
    let crop = |left, top, width, height| DrawnCrop { left, top, width, height };
    [
        Draw::whole(),
        Draw { flip: true, ..Draw::whole() },
        Draw { crop: crop(0.1, 0.3, 0.5, 0.4), ..Draw::whole() },
        Draw { crop: crop(0.55, 0.0, 0.45, 0.9), flip: true, ..Draw::whole() },
    ]
}

#[test]
fn crops_and_flips() {
    // Enlarged, as large as the picture, shrunk.
    for side in [31, SIDE, 9] {
        let bilinear_one = Views { side: side as u32, ..recipe() };
        check(&crops(), &bilinear_one, |planes, draw| slow_crop(planes, draw, side, bilinear), 1e-4);
        let bicubic_one = Views { filter: Filter::Bicubic, ..bilinear_one };
        check(&crops(), &bicubic_one, |planes, draw| slow_crop(planes, draw, side, catmull_rom), 1e-5);
    }
}

#[test]
fn a_bicubic_view_of_the_whole_picture_is_the_picture() {
    let recipe = Views { filter: Filter::Bicubic, ..recipe() };
    check(&[Draw::whole()], &recipe, |planes, _| planes.clone(), 1e-6);
}

#[test]
fn quarter_turns() {
    let slow = |planes: &Planes, draw: &Draw| {
        // Anticlockwise: what was at the right edge is at the top.
        let once = |plane: &Vec<f64>| {
            (0..SIDE * SIDE).map(|i| plane[(i % SIDE) * SIDE + SIDE - 1 - i / SIDE]).collect()
        };
        (0..draw.turn).fold(planes.clone(), |planes, _| planes.iter().map(once).collect())
    };
    let draws = [2, 0, 1, 3, 1].map(|turn| Draw { turn, ..Draw::whole() });
    let recipe = Views { filter: Filter::Bicubic, ..recipe() };
    check(&draws, &recipe, slow, 1e-6);
}
