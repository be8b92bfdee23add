//! The referee of 8-bit encoders: every layer's numbers as their grids mean them, in f64, put back onto the grid after
//! each layer.

use super::{Map, Window, convolution, max_pool, mean_over_pixels};
use crate::ImageBatch;
use crate::quantise::{Conv, Grid, LayerOp, Quantised};

/// The embedding of every picture of the batch.
///
/// # Panics
/// When a picture is smaller than the network's strides allow: a mistake of the caller.
#[expect(clippy::cast_possible_truncation, reason = "f64 is only for the sums")]
pub fn forward_quantised(network: &Quantised, images: &ImageBatch) -> Vec<Vec<f32>> {
    let pixels = 3 * images.side() * images.side();
    let embedding = |picture: &[f32]| {
        let data = picture.iter().map(|&x| f64::from(x)).collect();
        let last = one_picture(network, Map { channels: 3, side: images.side(), data });
        mean_over_pixels(&last).data.into_iter().map(|x| x as f32).collect()
    };
    images.as_slice().chunks_exact(pixels).map(embedding).collect()
}

fn one_picture(network: &Quantised, picture: Map) -> Map {
    let mut maps: Vec<Map> = vec![];
    for layer in &network.layers {
        let input = |i: usize| &maps[layer.inputs[i]];
        let made = match &layer.op {
            LayerOp::Input => picture.clone(),
            LayerOp::Add => {
                let (x, y) = (input(0), input(1));
                Map { data: x.data.iter().zip(&y.data).map(|(a, b)| a + b).collect(), ..*x }
            }
            LayerOp::MaxPool { kernel, stride, padding } => {
                max_pool(input(0), &Window::new(*kernel, *stride, *padding))
            }
            LayerOp::Conv(conv) => convolved(input(0), conv, network.layers[layer.inputs[0]].grid),
        };
        maps.push(rounded(made, layer.grid));
    }
    maps.pop().expect("a network has at least its input")
}

fn convolved(x: &Map, conv: &Conv, input: Grid) -> Map {
    let [_, channels] = conv.channels;
    let weight: Vec<f32> = conv.weight.iter().map(|&w| f32::from(w)).collect();
    let mut map = convolution(x, &weight, channels, &Window::new(conv.kernel, conv.stride, conv.padding));
    let pixels = map.side * map.side;
    for (numbers, (&scale, &bias)) in map.data.chunks_exact_mut(pixels).zip(conv.scale.iter().zip(&conv.bias))
    {
        let bias = f64::from(bias) * f64::from(input.scale);
        numbers.iter_mut().for_each(|x| *x = (*x + bias) * f64::from(scale));
    }
    map
}

fn rounded(mut map: Map, grid: Grid) -> Map {
    map.data.iter_mut().for_each(|x| *x = grid.value(grid.quantise(*x)));
    map
}
