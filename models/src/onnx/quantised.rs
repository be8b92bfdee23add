//! An 8-bit network as ONNX nodes in the QDQ form: every tensor is quantised and at once made float again around the
//! float operation, which ONNX Runtime fuses into operations on 8-bit numbers.
//!
//! `images` goes in and `embedding` comes out, both float, as for a float encoder.

use super::OnnxError;
use super::format::{FLOAT, INT8, INT32, NodeProto, TensorProto, UINT8};
use super::nodes::{INPUT, OUTPUT, int, window};
use crate::quantise::{Conv, Grid, Layer, LayerOp, Numbers, QuantiseError, Quantised, QuantisedConv};
use crate::{Description, Op, Value};

/// The nodes, in order.
pub(super) fn nodes(network: &Quantised) -> Vec<NodeProto> {
    let mut nodes: Vec<NodeProto> =
        network.layers.iter().flat_map(|layer| layer_nodes(network, layer)).collect();
    let last = network.layers.last().map(|layer| float(&layer.name)).unwrap_or_default();
    nodes.push(node("GlobalAveragePool", vec![last], "mean", vec![]));
    nodes.push(node("Flatten", vec!["mean".into()], OUTPUT, vec![int("axis", 1)]));
    nodes
}

fn layer_nodes(network: &Quantised, layer: &Layer) -> Vec<NodeProto> {
    let name = &layer.name;
    let inputs: Vec<String> = layer.inputs.iter().map(|&input| float(&network.layers[input].name)).collect();
    let result = format!("{name}.result");
    let (mut nodes, made) = match &layer.op {
        LayerOp::Input => (vec![], INPUT.to_owned()),
        LayerOp::Add => (vec![node("Add", inputs, &result, vec![])], result),
        LayerOp::MaxPool { kernel, stride, padding } => {
            (vec![node("MaxPool", inputs, &result, window(*kernel, *stride, *padding))], result)
        }
        LayerOp::Conv(Conv { kernel, stride, padding, .. }) => {
            let [weight, bias] = ["weight", "bias"].map(|what| format!("{name}.{what}"));
            let per_channel = |what: &str| {
                let scale = format!("{what}.scale");
                node("DequantizeLinear", vec![what.to_owned(), scale], &float(what), vec![int("axis", 0)])
            };
            let all = inputs.into_iter().chain([float(&weight), float(&bias)]).collect();
            let conv = node("Conv", all, &result, window(*kernel, *stride, *padding));
            (vec![per_channel(&weight), per_channel(&bias), conv], result)
        }
    };
    let grid = |from: String| vec![from, format!("{name}.scale"), format!("{name}.zero")];
    let number = format!("{name}.u8");
    nodes.push(node("QuantizeLinear", grid(made), &number, vec![]));
    nodes.push(node("DequantizeLinear", grid(number), &float(name), vec![]));
    nodes
}

/// What a tensor is called once it is float again.
fn float(name: &str) -> String {
    format!("{name}.float")
}

fn node(
    op_type: &str,
    input: Vec<String>,
    output: &str,
    attribute: Vec<super::format::AttributeProto>,
) -> NodeProto {
    let name = format!("{op_type}:{output}");
    NodeProto { input, output: vec![output.to_owned()], name, op_type: op_type.to_owned(), attribute }
}

/// Every number of the network.
pub(super) fn initialisers(network: &Quantised) -> Vec<TensorProto> {
    network.layers.iter().flat_map(|layer| layer_initialisers(network, layer)).collect()
}

fn layer_initialisers(network: &Quantised, layer: &Layer) -> Vec<TensorProto> {
    let name = &layer.name;
    let Grid { scale, zero } = layer.grid;
    let mut tensors = vec![
        tensor(format!("{name}.scale"), &[], FLOAT, scale.to_le_bytes().to_vec()),
        tensor(format!("{name}.zero"), &[], UINT8, vec![zero]),
    ];
    if let LayerOp::Conv(conv) = &layer.op {
        let Conv { kernel, channels: [input, output], weight, scale, bias, .. } = conv;
        let input_scale = network.layers[layer.inputs[0]].grid.scale;
        let floats =
            |numbers: &mut dyn Iterator<Item = f32>| numbers.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        let weights = weight.iter().map(|w| w.cast_unsigned()).collect();
        let biases = bias.iter().flat_map(|b| b.to_le_bytes()).collect();
        tensors.extend([
            tensor(format!("{name}.weight"), &[*output, *input, *kernel, *kernel], INT8, weights),
            tensor(format!("{name}.weight.scale"), &[*output], FLOAT, floats(&mut scale.iter().copied())),
            tensor(format!("{name}.bias"), &[*output], INT32, biases),
            tensor(
                format!("{name}.bias.scale"),
                &[*output],
                FLOAT,
                floats(&mut scale.iter().map(|s| s * input_scale)),
            ),
        ]);
    }
    tensors
}

fn tensor(name: String, shape: &[usize], data_type: i32, raw_data: Vec<u8>) -> TensorProto {
    TensorProto { dims: shape.iter().map(|&n| n as i64).collect(), data_type, name, raw_data }
}

/// The numbers of a file, by name.
pub(super) struct Stored<'a> {
    pub(super) description: &'a Description,
    pub(super) tensors: Vec<TensorProto>,
}

impl Stored<'_> {
    fn bytes(&self, name: &str, data_type: i32, len: usize) -> Result<&[u8], OnnxError> {
        let found = self.tensors.iter().find(|tensor| tensor.name == name);
        let bytes =
            found.filter(|tensor| tensor.data_type == data_type).map(|tensor| tensor.raw_data.as_slice());
        bytes.filter(|bytes| bytes.len() == len).ok_or_else(|| {
            OnnxError::Format(format!("tensor `{name}` of {len} bytes and ONNX type {data_type} is missing"))
        })
    }

    fn floats(&self, name: &str, len: usize) -> Result<Vec<f32>, OnnxError> {
        let bytes = self.bytes(name, FLOAT, 4 * len)?.chunks_exact(4);
        Ok(bytes.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }
}

impl Numbers for Stored<'_> {
    fn grid(&mut self, _index: usize, name: &str) -> Result<Grid, QuantiseError> {
        let scale = self.floats(&format!("{name}.scale"), 1)?[0];
        let zero = self.bytes(&format!("{name}.zero"), UINT8, 1)?[0];
        Ok(Grid { scale, zero })
    }

    fn conv(&mut self, [conv, _]: [Value; 2], _input: Grid) -> Result<QuantisedConv, QuantiseError> {
        let Op::Conv { name, input, output, kernel, .. } = &self.description.steps()[conv].op else {
            return Err(QuantiseError::Unsupported { step: conv, op: "not a convolution".to_owned() });
        };
        let weight = self.bytes(&format!("{name}.weight"), INT8, output * input * kernel * kernel)?;
        let bias = self.bytes(&format!("{name}.bias"), INT32, 4 * output)?.chunks_exact(4);
        Ok((
            weight.iter().map(|b| b.cast_signed()).collect(),
            self.floats(&format!("{name}.weight.scale"), *output)?,
            bias.map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        ))
    }
}
