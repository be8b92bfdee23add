//! Sobel filtering, noise and cutout, pixel by pixel.

use simclr_train::recipe::Views;
use simclr_train::views::{Draw, DrawnNoise, augment};

use crate::twin::{Planes, SIDE, check, pictures, planes, recipe};

#[test]
fn sobel_is_the_strength_of_edges() {
    let slow = |planes: &Planes, draw: &Draw| {
        // Reflected without repeating the border's pixels.
        let inside = |v: i64| (if v < 0 { -v } else { v.min(2 * (SIDE as i64 - 1) - v) }) as usize;
        let pixel = |plane: &[f64], i: usize| {
            let at = |dx: i64, dy: i64| {
                plane[inside((i / SIDE) as i64 + dy) * SIDE + inside((i % SIDE) as i64 + dx)]
            };
            let smooth = |a: f64, b: f64, c: f64| a + 2.0 * b + c;
            let across = smooth(at(1, -1), at(1, 0), at(1, 1)) - smooth(at(-1, -1), at(-1, 0), at(-1, 1));
            let down = smooth(at(-1, 1), at(0, 1), at(1, 1)) - smooth(at(-1, -1), at(0, -1), at(1, -1));
            (across.hypot(down) / 4.0).min(1.0)
        };
        let edges = |plane: &Vec<f64>| (0..SIDE * SIDE).map(|i| pixel(plane, i)).collect();
        if draw.sobel { planes.iter().map(edges).collect() } else { planes.clone() }
    };
    check(&[Draw::whole(), Draw { sobel: true, ..Draw::whole() }], &recipe(), slow, 1e-5);
}

#[test]
fn cutout_paints_the_mean_over_a_square_that_may_lie_partly_outside() {
    let recipe = Views { mean: [0.2, 0.4, 0.6], ..recipe() };
    let slow = |planes: &Planes, draw: &Draw| {
        let mut planes = planes.clone();
        let Some([x, y]) = draw.cutout else {
            return planes;
        };
        let (x, y) = ((x * SIDE as f64) as usize, (y * SIDE as f64) as usize);
        for (plane, mean) in planes.iter_mut().zip([0.2f32, 0.4, 0.6]) {
            // A quarter of the side to the left and above, as much less one pixel to the right and below.
            for row in y.saturating_sub(SIDE / 4)..(y + SIDE / 4).min(SIDE) {
                for column in x.saturating_sub(SIDE / 4)..(x + SIDE / 4).min(SIDE) {
                    plane[row * SIDE + column] = f64::from(mean);
                }
            }
        }
        planes
    };
    let cut = |x, y| Draw { cutout: Some([x, y]), ..Draw::whole() };
    let draws = [cut(0.5, 0.4), cut(0.0, 0.0), Draw::whole(), cut(0.999, 0.3), cut(0.1, 0.999)];
    check(&draws, &recipe, slow, 1e-6);
}

#[test]
fn noise_is_gaussian_and_each_views_own() {
    let side = SIDE as i64;
    let noisy = |sigma, seed| Draw { noise: Some(DrawnNoise { sigma, seed }), ..Draw::whole() };
    // Far from 0 and 1, so that nothing is clipped.
    let grey = pictures(40) * 0.0 + 0.5;
    let draws: Vec<Draw> = (0..40).map(|row| noisy(0.05, row)).collect();
    let views = augment(&grey, &draws, &recipe()).unwrap();
    let mut numbers: Vec<f64> =
        (0..40).flat_map(|row| planes(&views.get(row)).concat()).map(|v| (v - 0.5) / 0.05).collect();
    numbers.sort_by(f64::total_cmp);
    let count = numbers.len() as f64;
    let moment = |power| numbers.iter().map(|n| n.powi(power)).sum::<f64>() / count;
    // Within five deviations of what 48 000 normal numbers have.
    assert!(moment(1).abs() < 5.0 / count.sqrt(), "{}", moment(1));
    assert!((moment(2) - 1.0).abs() < 5.0 * (2.0 / count).sqrt(), "{}", moment(2));
    assert!((moment(4) - 3.0).abs() < 5.0 * (96.0 / count).sqrt(), "{}", moment(4));
    // The same numbers whatever the batch, others for another seed, in proportion to σ, clipped at 0 and 1.
    let alone = augment(&grey.narrow(0, 7, 1), &draws[7..8], &recipe()).unwrap();
    assert_eq!(alone.get(0), views.get(7));
    assert!(!views.get(6).allclose(&views.get(7), 1e-3, 1e-3, false));
    let weaker = augment(&grey.narrow(0, 7, 1), &[noisy(0.025, 7)], &recipe()).unwrap();
    assert!(((weaker.get(0) - 0.5) * 2.0 + 0.5).allclose(&views.get(7), 1e-5, 1e-5, false));
    let clipped = augment(&grey.narrow(0, 7, 1), &[noisy(50.0, 7)], &recipe()).unwrap();
    let sides = clipped.eq(0.0).logical_or(&clipped.eq(1.0)).to_kind(tch::Kind::Float);
    assert!(sides.sum(tch::Kind::Float).double_value(&[]) > (3 * side * side) as f64 * 0.95);
    assert_eq!((clipped.min().double_value(&[]), clipped.max().double_value(&[])), (0.0, 1.0));
}
