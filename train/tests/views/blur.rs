//! Gaussian blur, pixel by pixel.

use simclr_train::views::Draw;

use crate::twin::{Planes, SIDE, check, recipe};

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
    let draws =
        [Draw { blur: Some(0.1), ..Draw::whole() }, Draw::whole(), Draw { blur: Some(1.7), ..Draw::whole() }];
    check(&draws, &recipe(), slow, 1e-5);
}
