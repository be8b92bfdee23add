//! An encoder as one ONNX file (opset 17): network, numbers, and as metadata the recipe and what the output is.
//!
//! Input `images` is batch×3×side×side, output `embedding` is batch×length, with any batch. The same encoder gives the
//! same bytes. Reads back only files written here; other people's ONNX files are not its business.

mod format;
mod metadata;
mod nodes;
mod quantised;
#[cfg(test)]
pub(crate) mod rewired;

use prost::Message;

use crate::description::{Description, DescriptionError, HeadLayers, ResNet, Value};
use crate::quantise::Quantised;
use crate::{NamedTensor, Recipe, RecipeError, Weights, WeightsError};
use format::{
    Dimension, DimensionValue, FLOAT, GraphProto, ModelHeader, ModelProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};

pub use metadata::Metadata;

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
/// 2 GiB less what the graph without numbers may take.
const BYTES_MAX: usize = (2 << 30) - (16 << 20);
const PRODUCER: &str = "simclr-models";

/// Why an encoder was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// Choose a network that exists.
    #[error(transparent)]
    Network(#[from] DescriptionError),
    /// Correct the recipe.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The numbers are another network's, or damaged.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Choose a narrower network: protobuf, and so ONNX, ends at 2 GiB.
    #[error("the network's numbers take {0} bytes; an ONNX file holds less than 2 GiB")]
    TooLarge(usize),
    /// The file is damaged, or not ONNX.
    #[error("not a readable ONNX file: {0}")]
    Format(String),
    /// Use the float artefact that it was made from.
    #[error(
        "the encoder's numbers are 8-bit, made from `{0}`; only the float encoder has weights to go on with"
    )]
    Quantised(String),
    /// The file is not one of ours; export it again.
    #[error("the ONNX file's metadata `{key}` is {problem}; was the file written by `simclr-train export`?")]
    Metadata {
        /// The entry.
        key: &'static str,
        /// Missing, or what is wrong with it.
        problem: String,
    },
}

/// The bytes of an ONNX file holding the network with these numbers, and layers of its projection head if given.
///
/// # Errors
/// When the network does not exist, the numbers are not its own or the recipe is impossible.
pub fn write(
    network: &ResNet,
    head: Option<&HeadLayers>,
    weights: &Weights,
    recipe: &Recipe,
) -> Result<Vec<u8>, OnnxError> {
    recipe.check()?;
    let description = network.describe_to(head)?;
    weights.belongs_to(&description)?;
    let bytes: usize = weights.tensors().iter().map(|tensor| tensor.data.len() * 4).sum();
    if bytes > BYTES_MAX {
        return Err(OnnxError::TooLarge(bytes));
    }
    let about = Metadata {
        network: *network,
        output: head.cloned(),
        recipe: recipe.clone(),
        embedding_len: description.output_len(),
        quantised: None,
    };
    encode(graph(&description, weights, recipe.side), &about)
}

/// The bytes of an ONNX file holding an 8-bit encoder, whose network, recipe and origin `about` says.
///
/// # Errors
/// When the recipe is impossible or the network does not exist.
pub fn write_quantised(network: &Quantised, about: &Metadata) -> Result<Vec<u8>, OnnxError> {
    about.recipe.check()?;
    let graph = GraphProto {
        node: quantised::nodes(network),
        initializer: quantised::initialisers(network),
        ..frame(about.embedding_len, about.recipe.side)
    };
    encode(graph, about)
}

/// A float encoder's bytes without metadata, whose outputs after the embedding are the values `observed`.
pub(crate) fn write_observed(
    description: &Description,
    weights: &Weights,
    side: u32,
    observed: &[Value],
) -> Vec<u8> {
    let mut graph = graph(description, weights, side);
    let names = observed.iter().map(|&value| nodes::value_name(description, value));
    graph.output.extend(names.map(|name| value_info(&name, None)));
    model(graph, vec![]).encode_to_vec()
}

fn encode(graph: GraphProto, about: &Metadata) -> Result<Vec<u8>, OnnxError> {
    Ok(model(graph, metadata::entries(about)?).encode_to_vec())
}

fn model(graph: GraphProto, metadata_props: Vec<StringStringEntryProto>) -> ModelProto {
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: PRODUCER.into(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props,
    }
}

/// What the file says about itself.
///
/// # Errors
/// When it is not a file written here, or contradicts itself.
pub fn read_metadata(bytes: &[u8]) -> Result<Metadata, OnnxError> {
    metadata::read(&decode::<ModelHeader>(bytes)?.metadata_props)
}

/// The network and its numbers, for instance to go on training.
///
/// # Errors
/// When it is not a file written here, or a tensor is not the network's.
pub fn read_weights(bytes: &[u8]) -> Result<(Metadata, Weights), OnnxError> {
    let model: ModelProto = decode(bytes)?;
    let metadata = metadata::read(&model.metadata_props)?;
    if let Some(from) = metadata.quantised {
        return Err(OnnxError::Quantised(from.name));
    }
    let initialisers = model.graph.map(|graph| graph.initializer).unwrap_or_default();
    let tensors = initialisers.into_iter().map(named_tensor).collect::<Result<_, _>>()?;
    let weights = Weights::check(&metadata.describe()?, tensors)?;
    Ok((metadata, weights))
}

/// The network of an 8-bit encoder's file, for instance to check the runtime against.
///
/// # Errors
/// When it is not a file of [`write_quantised`], or a tensor is not the network's.
pub fn read_quantised(bytes: &[u8]) -> Result<(Metadata, Quantised), OnnxError> {
    let model: ModelProto = decode(bytes)?;
    let metadata = metadata::read(&model.metadata_props)?;
    let tensors = model.graph.map(|graph| graph.initializer).unwrap_or_default();
    let mut stored = quantised::Stored { description: &metadata.describe()?, tensors };
    let network =
        Quantised::build(stored.description, &mut stored).map_err(|e| OnnxError::Format(e.to_string()))?;
    Ok((metadata, network))
}

fn graph(description: &Description, weights: &Weights, side: u32) -> GraphProto {
    GraphProto {
        node: nodes::nodes(description),
        initializer: weights.tensors().iter().map(initialiser).collect(),
        ..frame(description.output_len(), side)
    }
}

/// A graph's name, input and output; nothing in between.
fn frame(embedding_len: usize, side: u32) -> GraphProto {
    let fixed = |n: usize| DimensionValue::Value(n as i64);
    let batch = || DimensionValue::Param("batch".into());
    let side = side as usize;
    GraphProto {
        name: "encoder".into(),
        input: vec![value_info(nodes::INPUT, Some(vec![batch(), fixed(3), fixed(side), fixed(side)]))],
        output: vec![value_info(nodes::OUTPUT, Some(vec![batch(), fixed(embedding_len)]))],
        ..GraphProto::default()
    }
}

fn initialiser(tensor: &NamedTensor) -> TensorProto {
    TensorProto {
        name: tensor.name.clone(),
        dims: tensor.shape.iter().map(|&n| n as i64).collect(),
        data_type: FLOAT,
        raw_data: tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

fn named_tensor(tensor: TensorProto) -> Result<NamedTensor, OnnxError> {
    if tensor.data_type != FLOAT {
        let dtype = format!("ONNX type {}", tensor.data_type);
        return Err(WeightsError::Dtype { name: tensor.name, dtype }.into());
    }
    let shape = tensor.dims.iter().map(|&n| usize::try_from(n)).collect::<Result<_, _>>();
    let shape =
        shape.map_err(|_| OnnxError::Format(format!("tensor `{}` has a negative length", tensor.name)))?;
    let numbers = tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    Ok(NamedTensor { data: numbers.collect(), name: tensor.name, shape })
}

/// A float tensor; without a shape, the runtime works it out.
fn value_info(name: &str, shape: Option<Vec<DimensionValue>>) -> ValueInfoProto {
    let dimension = |value| Dimension { value: Some(value) };
    let shape = shape.map(|shape| TensorShapeProto { dim: shape.into_iter().map(dimension).collect() });
    let tensor = TensorType { elem_type: FLOAT, shape };
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, OnnxError> {
    M::decode(bytes).map_err(|e| OnnxError::Format(e.to_string()))
}
