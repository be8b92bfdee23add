//! What the referee does to a map but convolve it: the largest or the mean of windows, and halves added and mixed.

use super::{Map, Window};

pub(super) fn max_pool(x: &Map, window: &Window) -> Map {
    Map::build(x.channels, window.output_side(x.side), |channel, row, column| {
        let mut largest = f64::NEG_INFINITY;
        for dy in 0..window.kernel {
            for dx in 0..window.kernel {
                let pixel = x.get(channel, window.under(row, dy), window.under(column, dx));
                largest = pixel.map_or(largest, |pixel| largest.max(pixel));
            }
        }
        largest
    })
}

pub(super) fn mean_pool(x: &Map, window: &Window, counts_padding: bool) -> Map {
    Map::build(x.channels, window.output_side(x.side), |channel, row, column| {
        let (mut sum, mut inside) = (0.0, 0);
        for dy in 0..window.kernel {
            for dx in 0..window.kernel {
                let pixel = x.get(channel, window.under(row, dy), window.under(column, dx));
                sum += pixel.unwrap_or(0.0);
                inside += usize::from(pixel.is_some());
            }
        }
        sum / if counts_padding { window.kernel * window.kernel } else { inside } as f64
    })
}

pub(super) fn mean_of_halves(x: &Map) -> Map {
    let (half, means) = (x.channels / 2, mean_over_pixels(x).data);
    Map::build(half, 1, |channel, _, _| means[channel] + means[half + channel])
}

pub(super) fn mix_halves(x: &Map, weights: &Map) -> Map {
    let half = x.channels / 2;
    Map::build(half, x.side, |channel, row, column| {
        let [first, second] = [channel, half + channel].map(|at| {
            let pixel = x.data[(at * x.side + row) * x.side + column];
            (weights.data[at].exp(), pixel)
        });
        (first.0 * first.1 + second.0 * second.1) / (first.0 + second.0)
    })
}

pub(super) fn mean_over_pixels(x: &Map) -> Map {
    let pixels = x.side * x.side;
    let mean = |channel: &[f64]| channel.iter().sum::<f64>() / pixels as f64;
    Map { channels: x.channels, side: 1, data: x.data.chunks_exact(pixels).map(mean).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NINE, map};
    use super::*;
    use crate::description::Padding;

    #[test]
    fn max_pool_padded_only_after_by_hand() {
        let window = Window { kernel: 2, stride: 2, padding: Padding { before: 0, after: 1 } };
        let negative: Vec<f64> = NINE.iter().map(|x| -x).collect();
        assert_eq!(max_pool(&map(3, &negative), &window).data, [-1.0, -3.0, -7.0, -9.0]);
    }

    #[test]
    fn mean_pools_by_hand() {
        let window = Window { kernel: 2, stride: 2, padding: Padding { before: 0, after: 1 } };
        assert_eq!(mean_pool(&map(3, &NINE), &window, true).data, [3.0, 2.25, 3.75, 2.25]);
        let window = Window { stride: 1, ..window };
        let inside = mean_pool(&map(3, &NINE), &window, false);
        assert_eq!(inside.data, [3.0, 4.0, 4.5, 6.0, 7.0, 7.5, 7.5, 8.5, 9.0]);
    }

    #[test]
    fn halves_are_added_and_mixed_by_hand() {
        let two = map(2, &[1.0, 2.0, 3.0, 6.0, 10.0, 20.0, 30.0, 60.0]);
        assert_eq!(mean_of_halves(&two).data, [33.0]);
        // Weights as 3 to 1.
        let mixed = mix_halves(&two, &map(1, &[3f64.ln(), 0.0]));
        for (mixed, by_hand) in mixed.data.iter().zip([3.25, 6.5, 9.75, 19.5]) {
            assert!((mixed - by_hand).abs() < 1e-12, "{mixed}");
        }
        assert_eq!((mixed.channels, mixed.side), (1, 2));
    }
}
