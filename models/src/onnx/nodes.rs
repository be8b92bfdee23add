//! A network's steps as ONNX nodes: one step, one node (the mean over pixels takes two).

use super::format::{ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_INTS, AttributeProto, NodeProto};
use crate::description::{BATCH_NORM_EPSILON, Description, Op, Padding, Step, Value};

/// Name of the network's input.
pub(super) const INPUT: &str = "images";
/// Name of the network's output.
pub(super) const OUTPUT: &str = "embedding";

pub(super) fn nodes(description: &Description) -> Vec<NodeProto> {
    (1..description.steps().len()).flat_map(|value| step_nodes(description, value)).collect()
}

fn step_nodes(description: &Description, value: Value) -> Vec<NodeProto> {
    let step = &description.steps()[value];
    let output = value_name(description, value);
    let node = |op_type: &str, attribute| NodeProto {
        input: inputs(description, step),
        output: vec![output.clone()],
        name: format!("{op_type}_{value}"),
        op_type: op_type.into(),
        attribute,
    };
    match &step.op {
        Op::Input => vec![],
        Op::Conv { kernel, stride, padding, .. } => vec![node("Conv", window(*kernel, *stride, *padding))],
        Op::MaxPool { kernel, stride, padding } => vec![node("MaxPool", window(*kernel, *stride, *padding))],
        #[expect(clippy::cast_possible_truncation, reason = "ONNX keeps attributes as 32-bit floats")]
        Op::BatchNorm { .. } => {
            vec![node("BatchNormalization", vec![float("epsilon", BATCH_NORM_EPSILON as f32)])]
        }
        Op::Linear { .. } => vec![node("Gemm", vec![int("transB", 1)])],
        Op::Relu => vec![node("Relu", vec![])],
        Op::Add => vec![node("Add", vec![])],
        Op::MeanOverPixels => {
            let mean = format!("mean.{value}");
            let pool = NodeProto { output: vec![mean.clone()], ..node("GlobalAveragePool", vec![]) };
            let flatten = NodeProto { input: vec![mean], ..node("Flatten", vec![int("axis", 1)]) };
            vec![pool, flatten]
        }
    }
}

/// The step's values, then its own tensors, in the order ONNX wants them, which is the description's.
fn inputs(description: &Description, step: &Step) -> Vec<String> {
    let values = step.inputs.iter().map(|&value| value_name(description, value));
    values.chain(step.op.params().into_iter().map(|param| param.name)).collect()
}

pub(super) fn value_name(description: &Description, value: Value) -> String {
    if value + 1 == description.steps().len() {
        return OUTPUT.into();
    }
    match &description.steps()[value].op {
        Op::Input => INPUT.into(),
        Op::Conv { name, .. } | Op::BatchNorm { name, .. } | Op::Linear { name, .. } => name.clone(),
        Op::Relu => format!("relu.{value}"),
        Op::Add => format!("add.{value}"),
        Op::MaxPool { .. } => format!("max_pool.{value}"),
        Op::MeanOverPixels => format!("mean_over_pixels.{value}"),
    }
}

pub(super) fn window(kernel: usize, stride: usize, padding: Padding) -> Vec<AttributeProto> {
    let Padding { before, after } = padding;
    vec![
        ints("kernel_shape", &[kernel, kernel]),
        ints("strides", &[stride, stride]),
        ints("pads", &[before, before, after, after]),
    ]
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    AttributeProto { name: name.into(), ints, r#type: ATTRIBUTE_INTS, ..Default::default() }
}

pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, r#type: ATTRIBUTE_INT, ..Default::default() }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.into(), f: value, r#type: ATTRIBUTE_FLOAT, ..Default::default() }
}
