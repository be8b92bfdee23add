//! An encoder in 8-bit numbers: a float artefact and some pictures in, a [`Quantised`] network out.
//!
//! Batch-norms are folded into the convolutions before them ([`fold`]); the float encoder shows on the user's pictures
//! which range each value takes ([`calibrate`]); then weights become signed 8-bit numbers with a scale a channel, and
//! values unsigned 8-bit numbers with a scale and a zero a tensor (Jacob et al. 2018). The mean over pixels stays float,
//! and embeddings with it. How the result is written is `onnx`'s business; knows nothing of files.

mod agreement;
mod calibrate;
mod error;
mod fold;
mod grid;

use serde::{Deserialize, Serialize};

use crate::{Artefact, Description, ImageBatch, Op, Padding, Value, Weights, onnx};
pub use agreement::Agreement;
pub use error::QuantiseError;
use fold::PlanOp;
pub use grid::Grid;

/// What an 8-bit encoder was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantisedFrom {
    /// The float artefact's name.
    pub name: String,
    /// The float artefact's space key.
    pub space_key: String,
    /// Pictures whose values set the ranges.
    pub pictures: usize,
}

/// A network up to its mean over pixels, in 8-bit numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised {
    pub(crate) layers: Vec<Layer>,
}

/// One 8-bit tensor and how it is made of earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(crate) name: String,
    /// Indices of earlier layers.
    pub(crate) inputs: Vec<usize>,
    pub(crate) op: LayerOp,
    /// What the tensor's numbers mean. A relu is a grid that begins at zero: what is below saturates there.
    pub(crate) grid: Grid,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LayerOp {
    Input,
    Conv(Conv),
    Add,
    MaxPool { kernel: usize, stride: usize, padding: Padding },
}

/// A convolution with the batch-norm after it folded in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conv {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: Padding,
    /// Channels in and out.
    pub(crate) channels: [usize; 2],
    /// Out × in × kernel × kernel, −127 to 127.
    pub(crate) weight: Vec<i8>,
    /// One an output channel.
    pub(crate) scale: Vec<f32>,
    /// One an output channel, in units of its scale times the input's.
    pub(crate) bias: Vec<i32>,
}

impl Quantised {
    /// Quantises a float artefact whose embeddings are h; `batches` are prepared by its recipe.
    ///
    /// # Errors
    /// When there is no picture, the artefact is 8-bit already or ends in a projection head, or ONNX Runtime refuses.
    pub fn of(
        artefact: &Artefact,
        batches: &mut dyn Iterator<Item = ImageBatch>,
    ) -> Result<(Self, QuantisedFrom), QuantiseError> {
        if artefact.card().output.is_some() {
            return Err(QuantiseError::Output);
        }
        let bytes = std::fs::read(artefact.encoder_path())
            .map_err(|source| QuantiseError::Io { path: artefact.encoder_path(), source })?;
        let (metadata, weights) = onnx::read_weights(&bytes)?;
        let description = metadata.describe().map_err(onnx::OnnxError::from)?;
        let plans = fold::plans(&description)?;
        let values: Vec<_> = plans.iter().map(|plan| plan.value).collect();
        let side = metadata.recipe.side;
        let (ranges, pictures) = calibrate::ranges(&description, &weights, side, &values, batches)?;
        let network =
            Self::build(&description, &mut Measured { description: &description, weights, ranges })?;
        let (name, space_key) = (artefact.name().to_owned(), artefact.space_key().to_owned());
        Ok((network, QuantisedFrom { name, space_key, pictures }))
    }
}

/// Where a layer's numbers come from.
pub(crate) trait Numbers {
    /// The grid of layer `index`.
    fn grid(&mut self, index: usize, name: &str) -> Result<Grid, QuantiseError>;
    /// Weight, scales and bias of the convolution at step `conv` with the batch-norm at step `norm` behind it.
    fn conv(&mut self, steps: [Value; 2], input: Grid) -> Result<QuantisedConv, QuantiseError>;
}

/// Weight, scale and bias as in [`Conv`].
pub(crate) type QuantisedConv = (Vec<i8>, Vec<f32>, Vec<i32>);

/// Numbers of a float encoder and the ranges its values took.
struct Measured<'a> {
    description: &'a Description,
    weights: Weights,
    ranges: Vec<[f32; 2]>,
}

impl Numbers for Measured<'_> {
    fn grid(&mut self, index: usize, _name: &str) -> Result<Grid, QuantiseError> {
        Ok(Grid::covering(self.ranges[index]))
    }

    fn conv(&mut self, steps: [Value; 2], input: Grid) -> Result<QuantisedConv, QuantiseError> {
        let [conv, norm] = steps.map(|step| &self.description.steps()[step].op);
        Ok(fold::fold(conv, norm, &self.weights).quantise(input))
    }
}

impl Quantised {
    /// The layers of a description with numbers from wherever they are.
    pub(crate) fn build(description: &Description, numbers: &mut dyn Numbers) -> Result<Self, QuantiseError> {
        let mut layers: Vec<Layer> = Vec::new();
        for (index, plan) in fold::plans(description)?.into_iter().enumerate() {
            let (name, op) = match (plan.op, &description.steps()[plan.value].op) {
                (PlanOp::Conv { conv, norm }, _) => {
                    conv_layer(description, [conv, norm], layers[plan.inputs[0]].grid, numbers)?
                }
                (PlanOp::MaxPool, &Op::MaxPool { kernel, stride, padding }) => {
                    (format!("max_pool.{}", plan.value), LayerOp::MaxPool { kernel, stride, padding })
                }
                (PlanOp::Add, _) => (format!("add.{}", plan.value), LayerOp::Add),
                (PlanOp::Input | PlanOp::MaxPool, _) => ("images".to_owned(), LayerOp::Input),
            };
            let grid = match op {
                // Its values are its input's.
                LayerOp::MaxPool { .. } => layers[plan.inputs[0]].grid,
                _ => numbers.grid(index, &name)?,
            };
            layers.push(Layer { name, inputs: plan.inputs, op, grid });
        }
        Ok(Self { layers })
    }
}

fn conv_layer(
    description: &Description,
    steps: [Value; 2],
    input_grid: Grid,
    numbers: &mut dyn Numbers,
) -> Result<(String, LayerOp), QuantiseError> {
    let step = steps[0];
    let Op::Conv { name, input, output, kernel, stride, padding } = &description.steps()[step].op else {
        return Err(QuantiseError::Unsupported { step, op: "not a convolution".to_owned() });
    };
    let (weight, scale, bias) = numbers.conv(steps, input_grid)?;
    let (kernel, stride, padding, channels) = (*kernel, *stride, *padding, [*input, *output]);
    Ok((name.clone(), LayerOp::Conv(Conv { kernel, stride, padding, channels, weight, scale, bias })))
}
