//! The referee: a network's forward pass in plain loops and f64, to check fast ones against. Slow on purpose.
//!
//! Reads the same description as everybody else but shares no arithmetic with any of them. Batch-norms use their running
//! averages, as after training.

mod pools;
mod quantised;

use std::collections::HashMap;

use crate::description::{BATCH_NORM_EPSILON, Description, Op, Padding, Step};
use crate::{ImageBatch, Weights};
use pools::{max_pool, mean_of_halves, mean_over_pixels, mean_pool, mix_halves};
pub use quantised::forward_quantised;

/// The network's output for every picture of the batch.
///
/// # Panics
/// When the weights are not the description's, or the description is not a picture network: mistakes of the caller.
#[expect(clippy::cast_possible_truncation, reason = "f64 is only for the sums")]
pub fn forward(description: &Description, weights: &Weights, images: &ImageBatch) -> Vec<Vec<f32>> {
    let params: Params<'_> = weights.tensors().iter().map(|t| (t.name.as_str(), t.data.as_slice())).collect();
    let pixels = 3 * images.side() * images.side();
    let outputs = images.as_slice().chunks_exact(pixels).map(|picture| {
        let picture =
            Map { channels: 3, side: images.side(), data: picture.iter().map(|&x| f64::from(x)).collect() };
        one_picture(description, &params, picture).data.into_iter().map(|x| x as f32).collect()
    });
    outputs.collect()
}

type Params<'a> = HashMap<&'a str, &'a [f32]>;

/// Channels × side × side numbers; side 1 after the mean over pixels.
#[derive(Clone)]
struct Map {
    channels: usize,
    side: usize,
    data: Vec<f64>,
}

impl Map {
    /// The number at a place, or nothing outside the map.
    fn get(&self, channel: usize, y: Option<usize>, x: Option<usize>) -> Option<f64> {
        let (y, x) = (y.filter(|&y| y < self.side)?, x.filter(|&x| x < self.side)?);
        Some(self.data[(channel * self.side + y) * self.side + x])
    }

    fn build(channels: usize, side: usize, mut number: impl FnMut(usize, usize, usize) -> f64) -> Self {
        let mut data = Vec::with_capacity(channels * side * side);
        for channel in 0..channels {
            for y in 0..side {
                for x in 0..side {
                    data.push(number(channel, y, x));
                }
            }
        }
        Self { channels, side, data }
    }
}

fn one_picture(description: &Description, params: &Params<'_>, picture: Map) -> Map {
    let mut values: Vec<Map> = vec![];
    for step in description.steps() {
        let value = if step.op == Op::Input { picture.clone() } else { apply(step, &values, params) };
        values.push(value);
    }
    values.pop().expect("a description has at least its input")
}

fn apply(step: &Step, values: &[Map], params: &Params<'_>) -> Map {
    let x = &values[step.inputs[0]];
    let param = |name: &str, suffix: &str| params[format!("{name}.{suffix}").as_str()];
    match &step.op {
        Op::Input => x.clone(),
        Op::Conv { name, output, kernel, stride, padding, .. } => {
            convolution(x, param(name, "weight"), *output, &Window::new(*kernel, *stride, *padding))
        }
        Op::BatchNorm { name, .. } => {
            let four = ["weight", "bias", "running_mean", "running_var"].map(|suffix| param(name, suffix));
            batch_norm(x, four)
        }
        Op::Linear { name, output, bias, .. } => {
            let bias = bias.then(|| param(name, "bias"));
            linear(x, param(name, "weight"), bias, *output)
        }
        Op::Relu => Map { data: x.data.iter().map(|&v| v.max(0.0)).collect(), ..*x },
        Op::Add => {
            let y = &values[step.inputs[1]];
            Map { data: x.data.iter().zip(&y.data).map(|(a, b)| a + b).collect(), ..*x }
        }
        Op::MaxPool { kernel, stride, padding } => max_pool(x, &Window::new(*kernel, *stride, *padding)),
        Op::MeanPool { kernel, stride, padding, counts_padding } => {
            mean_pool(x, &Window::new(*kernel, *stride, *padding), *counts_padding)
        }
        Op::MeanOfHalves => mean_of_halves(x),
        Op::MixHalves => mix_halves(x, &values[step.inputs[1]]),
        Op::MeanOverPixels => mean_over_pixels(x),
    }
}

struct Window {
    kernel: usize,
    stride: usize,
    padding: Padding,
}

impl Window {
    fn new(kernel: usize, stride: usize, padding: Padding) -> Self {
        Self { kernel, stride, padding }
    }

    fn output_side(&self, side: usize) -> usize {
        (side + self.padding.before + self.padding.after - self.kernel) / self.stride + 1
    }

    /// The input position under an output position, or nothing before the input's beginning.
    fn under(&self, position: usize, offset: usize) -> Option<usize> {
        (position * self.stride + offset).checked_sub(self.padding.before)
    }
}

fn convolution(x: &Map, weight: &[f32], channels: usize, window: &Window) -> Map {
    let k = window.kernel;
    Map::build(channels, window.output_side(x.side), |output, row, column| {
        let mut sum = 0.0;
        for input in 0..x.channels {
            for dy in 0..k {
                for dx in 0..k {
                    let pixel = x.get(input, window.under(row, dy), window.under(column, dx));
                    let w = weight[((output * x.channels + input) * k + dy) * k + dx];
                    sum += pixel.unwrap_or(0.0) * f64::from(w);
                }
            }
        }
        sum
    })
}

fn batch_norm(x: &Map, [scale, shift, mean, variance]: [&[f32]; 4]) -> Map {
    let pixels = x.side * x.side;
    let normalised = x.data.iter().enumerate().map(|(i, &v)| {
        let c = i / pixels;
        let [scale, shift, mean, variance] =
            [scale, shift, mean, variance].map(|numbers| f64::from(numbers[c]));
        (v - mean) / (variance + BATCH_NORM_EPSILON).sqrt() * scale + shift
    });
    Map { data: normalised.collect(), ..*x }
}

fn linear(x: &Map, weight: &[f32], bias: Option<&[f32]>, output: usize) -> Map {
    Map::build(output, 1, |row, _, _| {
        let weights = weight[row * x.channels..].iter();
        let sum: f64 = weights.zip(&x.data).map(|(&w, v)| f64::from(w) * v).sum();
        sum + bias.map_or(0.0, |bias| f64::from(bias[row]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn map(side: usize, data: &[f64]) -> Map {
        Map { channels: data.len() / (side * side), side, data: data.to_vec() }
    }

    pub(super) const NINE: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

    #[test]
    fn convolution_by_hand() {
        let window = Window { kernel: 3, stride: 2, padding: Padding::same(1) };
        let ones = convolution(&map(3, &NINE), &[1.0; 9], 1, &window);
        assert_eq!(ones.data, [12.0, 16.0, 24.0, 28.0]);
        let mut right = [0.0; 9];
        right[5] = 1.0; // the neighbour to the right of the middle
        assert_eq!(convolution(&map(3, &NINE), &right, 1, &window).data, [2.0, 0.0, 8.0, 0.0]);
    }

    #[test]
    fn batch_norm_and_linear_by_hand() {
        let normalised =
            batch_norm(&map(1, &[3.0, 5.0]), [&[2.0, 1.0], &[0.5, 0.0], &[1.0, 5.0], &[4.0, 1.0]]);
        assert!((normalised.data[0] - 2.5).abs() < 1e-5 && normalised.data[1] == 0.0);
        assert_eq!(
            linear(&map(1, &[3.0, 5.0]), &[1.0, 2.0, 0.0, -1.0], Some(&[0.5, 0.0]), 2).data,
            [13.5, -5.0]
        );
    }
}
