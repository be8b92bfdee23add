//! A network's steps as ONNX nodes: one step, one node (means over pixels and mixes take several).

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
        Op::MeanPool { kernel, stride, padding, counts_padding } => {
            let mut attributes = window(*kernel, *stride, *padding);
            attributes.push(int("count_include_pad", i64::from(*counts_padding)));
            vec![node("AveragePool", attributes)]
        }
        Op::MeanOfHalves => mean_of_halves(&node),
        Op::MixHalves => mix_halves(&node),
        Op::MeanOverPixels => {
            let mean = format!("mean.{value}");
            let pool = NodeProto { output: vec![mean.clone()], ..node("GlobalAveragePool", vec![]) };
            let flatten = NodeProto { input: vec![mean], ..node("Flatten", vec![int("axis", 1)]) };
            vec![pool, flatten]
        }
    }
}

/// The mean of a sum is the sum of the means: two numbers a channel are added instead of two pictures.
fn mean_of_halves(node: &impl Fn(&str, Vec<AttributeProto>) -> NodeProto) -> Vec<NodeProto> {
    let whole = node("Add", vec![]);
    let named = |what: &str| format!("{}.{what}", whole.name);
    let pool = NodeProto { output: vec![named("mean")], ..node("GlobalAveragePool", vec![]) };
    let halves = vec![named("first"), named("second")];
    let split = NodeProto {
        input: pool.output.clone(),
        output: halves.clone(),
        ..node("Split", vec![int("axis", 1)])
    };
    vec![pool, split, NodeProto { input: halves, ..whole }]
}

/// b + (a − b) · s(w − v), as the softmax of two numbers is the logistic function s of their difference.
fn mix_halves(node: &impl Fn(&str, Vec<AttributeProto>) -> NodeProto) -> Vec<NodeProto> {
    let sum = node("Add", vec![]);
    let named = |what: &str| format!("{}.{what}", sum.name);
    let step = |op: &str, what: &str, input: &[String], outputs: &[&str], attributes| NodeProto {
        name: named(what),
        input: input.to_vec(),
        output: outputs.iter().map(|output| named(output)).collect(),
        ..node(op, attributes)
    };
    let [a, b, w, v, apart, share, more] = ["a", "b", "w", "v", "apart", "share", "more"].map(named);
    let axis = || vec![int("axis", 1)];
    vec![
        step("Split", "split", &sum.input[..1], &["a", "b"], axis()),
        step("Split", "split_weights", &sum.input[1..], &["w", "v"], axis()),
        step("Sub", "subtract_weights", &[w, v], &["apart"], vec![]),
        step("Sigmoid", "sigmoid", &[apart], &["share"], vec![]),
        step("Sub", "subtract", &[a, b.clone()], &["difference"], vec![]),
        step("Mul", "multiply", &[named("difference"), share], &["more"], vec![]),
        NodeProto { input: vec![b, more], ..sum },
    ]
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
        Op::MeanPool { .. } => format!("mean_pool.{value}"),
        Op::MeanOfHalves => format!("mean_of_halves.{value}"),
        Op::MixHalves => format!("mix_halves.{value}"),
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
