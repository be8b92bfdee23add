//! Which steps of a description become one 8-bit layer, and a convolution with its batch-norm folded in.

use crate::description::BATCH_NORM_EPSILON;
use crate::{Description, Op, Value, Weights};

use super::{Grid, QuantiseError, QuantisedConv};

/// Bias numbers stay below this, so that sums of products fit beside them.
const BIAS_MAX: f64 = (1 << 30) as f64;

/// One layer to be: what it does, to which layers, and which of the description's values it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) op: PlanOp,
    pub(super) inputs: Vec<usize>,
    pub(super) value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlanOp {
    Input,
    Conv { conv: Value, norm: Value },
    Add,
    MaxPool,
}

/// The layers up to the mean over pixels, in order; the last one is what the mean is of.
///
/// A relu belongs to the layer before it: what it cuts off, the layer's grid does.
pub(super) fn plans(description: &Description) -> Result<Vec<Plan>, QuantiseError> {
    let steps = description.steps();
    let mut plans: Vec<Plan> = Vec::new();
    for (value, step) in steps.iter().enumerate() {
        let refuse = || QuantiseError::Unsupported { step: value, op: format!("{:?}", step.op) };
        let layer = |wanted: Value| plans.iter().position(|plan| plan.value == wanted).ok_or_else(refuse);
        let inputs =
            |values: &[Value]| values.iter().map(|&value| layer(value)).collect::<Result<Vec<_>, _>>();
        let made = match &step.op {
            Op::Input => Plan { op: PlanOp::Input, inputs: vec![], value },
            Op::Conv { .. } => continue,
            Op::BatchNorm { .. } => {
                let conv = step.inputs[0];
                if !matches!(steps[conv].op, Op::Conv { .. }) || readers(description, conv) != 1 {
                    return Err(refuse());
                }
                Plan { op: PlanOp::Conv { conv, norm: value }, inputs: inputs(&steps[conv].inputs)?, value }
            }
            Op::Relu => {
                let before = layer(step.inputs[0])?;
                if readers(description, step.inputs[0]) != 1 {
                    return Err(refuse());
                }
                plans[before].value = value;
                continue;
            }
            Op::Add => Plan { op: PlanOp::Add, inputs: inputs(&step.inputs)?, value },
            Op::MaxPool { .. } => Plan { op: PlanOp::MaxPool, inputs: inputs(&step.inputs)?, value },
            Op::MeanOverPixels if layer(step.inputs[0])? + 1 == plans.len() => return Ok(plans),
            Op::MeanPool { .. }
            | Op::MeanOfHalves
            | Op::MixHalves
            | Op::MeanOverPixels
            | Op::Linear { .. } => {
                return Err(refuse());
            }
        };
        plans.push(made);
    }
    Err(QuantiseError::Unsupported { step: steps.len(), op: "no mean over pixels".to_owned() })
}

fn readers(description: &Description, value: Value) -> usize {
    description.steps().iter().flat_map(|step| &step.inputs).filter(|&&input| input == value).count()
}

/// A convolution's weight, a row an output channel, and bias, in float.
pub(super) struct Folded {
    row_len: usize,
    weight: Vec<f64>,
    bias: Vec<f64>,
}

/// What a convolution and its batch-norm (with running averages) do together.
pub(super) fn fold(conv: &Op, norm: &Op, weights: &Weights) -> Folded {
    let numbers = |op: &Op| {
        let of = |param: crate::Param| weights.tensors().iter().find(|tensor| tensor.name == param.name);
        op.params().into_iter().filter_map(of).map(|tensor| tensor.data.as_slice()).collect::<Vec<_>>()
    };
    let (weight, norms) = (numbers(conv).concat(), numbers(norm));
    let channels = norms.first().map_or(0, |scale| scale.len());
    let row_len = weight.len() / channels.max(1);
    let mut folded = Folded { row_len, weight: Vec::with_capacity(weight.len()), bias: vec![] };
    for (channel, row) in weight.chunks_exact(row_len.max(1)).enumerate() {
        // In the order of the description: scale, shift, running mean, running variance.
        let at = |i: usize| f64::from(norms[i][channel]);
        let factor = at(0) / (at(3) + BATCH_NORM_EPSILON).sqrt();
        folded.weight.extend(row.iter().map(|&w| f64::from(w) * factor));
        folded.bias.push(at(1) - at(2) * factor);
    }
    folded
}

impl Folded {
    /// In 8-bit numbers, for an input on this grid.
    #[expect(clippy::cast_possible_truncation, reason = "clamped before")]
    pub(super) fn quantise(self, input: Grid) -> QuantisedConv {
        let (mut weight, mut scales, mut bias) = (Vec::new(), Vec::new(), Vec::new());
        for (row, shift) in self.weight.chunks_exact(self.row_len.max(1)).zip(&self.bias) {
            let largest = row.iter().fold(0.0_f64, |most, w| most.max(w.abs()));
            // A channel with next to no weight must still hold its bias.
            let least = (shift.abs() / BIAS_MAX / f64::from(input.scale)).max(1e-12);
            let scale = (largest / 127.0).max(least) as f32;
            let units = |x: f64, of: f64, most: f64| (x / of).round_ties_even().clamp(-most, most);
            weight.extend(row.iter().map(|&w| units(w, f64::from(scale), 127.0) as i8));
            bias.push(units(*shift, f64::from(scale) * f64::from(input.scale), BIAS_MAX) as i32);
            scales.push(scale);
        }
        (weight, scales, bias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ResNet, Stem};

    #[test]
    fn every_convolution_becomes_a_layer_and_relus_none() {
        for (depth, stem, pools) in [(18, Stem::SmallPicture, 0), (50, Stem::Imagenet, 1)] {
            let description = ResNet::plain(depth, 0.25, stem).describe().unwrap();
            let plans = plans(&description).unwrap();
            let count = |is: fn(&Op) -> bool| description.steps().iter().filter(|step| is(&step.op)).count();
            let planned = |is: fn(&PlanOp) -> bool| plans.iter().filter(|plan| is(&plan.op)).count();
            assert_eq!(
                planned(|op| matches!(op, PlanOp::Conv { .. })),
                count(|op| matches!(op, Op::Conv { .. }))
            );
            assert_eq!(planned(|op| *op == PlanOp::Add), count(|op| *op == Op::Add));
            assert_eq!(planned(|op| *op == PlanOp::MaxPool), pools);
            assert!(plans.iter().enumerate().all(|(i, plan)| plan.inputs.iter().all(|&input| input < i)));
        }
    }

    #[test]
    fn a_channel_without_weight_keeps_its_bias() {
        let folded = Folded { row_len: 1, weight: vec![0.0, 1e-9], bias: vec![0.7, -30.0] };
        let (_, scales, biases) = folded.quantise(Grid { scale: 0.01, zero: 0 });
        for (channel, expected) in [0.7, -30.0].into_iter().enumerate() {
            let bias = f64::from(biases[channel]) * f64::from(scales[channel]) * 0.01;
            assert!((bias - expected).abs() < 1e-6, "{bias} for {expected}");
        }
    }
}
