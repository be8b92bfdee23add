//! An encoder as one ONNX file (opset 17): network, numbers, and as metadata the recipe and what the output is.
//!
//! Input `images` is batch×3×side×side, output `embedding` is batch×length, with any batch. The same encoder gives the
//! same bytes. Reads back only files written here; other people's ONNX files are not its business.

mod format;
mod nodes;
#[cfg(test)]
pub(crate) mod rewired;

use prost::Message;

use crate::description::{Description, DescriptionError, HeadLayers, ResNet};
use crate::{NamedTensor, Recipe, RecipeError, Weights, WeightsError};
use format::{
    Dimension, DimensionValue, FLOAT, GraphProto, ModelHeader, ModelProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
/// 2 GiB less what the graph without numbers may take.
const BYTES_MAX: usize = (2 << 30) - (16 << 20);
const PRODUCER: &str = "simclr-models";

const RECIPE_KEY: &str = "simclr.recipe";
const NETWORK_KEY: &str = "simclr.network";
const LENGTH_KEY: &str = "simclr.embedding_len";
const OUTPUT_KEY: &str = "simclr.output";
/// The network's usual output: the representation before the projection head.
const OUTPUT: &str = "h";
/// The network's output when it is one of the projection head's layers, which [`HEAD_KEY`] describes.
const HEAD_OUTPUT: &str = "head";
const HEAD_KEY: &str = "simclr.head";

/// What an encoder file says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// The network.
    pub network: ResNet,
    /// Layers of the projection head that stand on it; none when embeddings are h.
    pub output: Option<HeadLayers>,
    /// The preprocessing it was trained for.
    pub recipe: Recipe,
    /// Length of an embedding.
    pub embedding_len: usize,
}

impl Metadata {
    /// The steps from picture to embedding.
    ///
    /// # Errors
    /// When the network or the head does not exist.
    pub fn describe(&self) -> Result<Description, DescriptionError> {
        self.network.describe_to(self.output.as_ref())
    }
}

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
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.into(), value };
    let mut about = vec![
        entry(RECIPE_KEY, json(recipe)?),
        entry(NETWORK_KEY, json(network)?),
        entry(LENGTH_KEY, description.output_len().to_string()),
        entry(OUTPUT_KEY, if head.is_some() { HEAD_OUTPUT } else { OUTPUT }.into()),
    ];
    if let Some(head) = head {
        about.push(entry(HEAD_KEY, json(head)?));
    }
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: PRODUCER.into(),
        graph: Some(graph(&description, weights, recipe.side)),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: about,
    };
    Ok(model.encode_to_vec())
}

/// What the file says about itself.
///
/// # Errors
/// When it is not a file written here, or contradicts itself.
pub fn read_metadata(bytes: &[u8]) -> Result<Metadata, OnnxError> {
    metadata(&decode::<ModelHeader>(bytes)?.metadata_props)
}

/// The network and its numbers, for instance to go on training.
///
/// # Errors
/// When it is not a file written here, or a tensor is not the network's.
pub fn read_weights(bytes: &[u8]) -> Result<(Metadata, Weights), OnnxError> {
    let model: ModelProto = decode(bytes)?;
    let metadata = metadata(&model.metadata_props)?;
    let initialisers = model.graph.map(|graph| graph.initializer).unwrap_or_default();
    let tensors = initialisers.into_iter().map(named_tensor).collect::<Result<_, _>>()?;
    let weights = Weights::check(&metadata.describe()?, tensors)?;
    Ok((metadata, weights))
}

fn graph(description: &Description, weights: &Weights, side: u32) -> GraphProto {
    let fixed = |n: usize| DimensionValue::Value(n as i64);
    let batch = || DimensionValue::Param("batch".into());
    let side = side as usize;
    GraphProto {
        name: "encoder".into(),
        node: nodes::nodes(description),
        initializer: weights.tensors().iter().map(initialiser).collect(),
        input: vec![value_info(nodes::INPUT, vec![batch(), fixed(3), fixed(side), fixed(side)])],
        output: vec![value_info(nodes::OUTPUT, vec![batch(), fixed(description.output_len())])],
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

fn value_info(name: &str, shape: Vec<DimensionValue>) -> ValueInfoProto {
    let dim = shape.into_iter().map(|value| Dimension { value: Some(value) }).collect();
    let tensor = TensorType { elem_type: FLOAT, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, OnnxError> {
    M::decode(bytes).map_err(|e| OnnxError::Format(e.to_string()))
}

fn metadata(entries: &[StringStringEntryProto]) -> Result<Metadata, OnnxError> {
    let network: ResNet = parse(entries, NETWORK_KEY)?;
    let recipe: Recipe = parse(entries, RECIPE_KEY)?;
    recipe.check()?;
    let embedding_len: usize = parse(entries, LENGTH_KEY)?;
    let wrong = |key, problem| OnnxError::Metadata { key, problem };
    let output = match entry(entries, OUTPUT_KEY)? {
        OUTPUT => None,
        HEAD_OUTPUT => Some(parse(entries, HEAD_KEY)?),
        other => {
            return Err(wrong(
                OUTPUT_KEY,
                format!("`{other}`, but only `{OUTPUT}` and `{HEAD_OUTPUT}` are known"),
            ));
        }
    };
    let metadata = Metadata { network, output, recipe, embedding_len };
    let expected = metadata.describe()?.output_len();
    if embedding_len != expected {
        return Err(wrong(LENGTH_KEY, format!("{embedding_len}, but the network's is {expected}")));
    }
    Ok(metadata)
}

fn entry<'a>(entries: &'a [StringStringEntryProto], key: &'static str) -> Result<&'a str, OnnxError> {
    let found = entries.iter().find(|entry| entry.key == key);
    found.map(|entry| entry.value.as_str()).ok_or(OnnxError::Metadata { key, problem: "missing".into() })
}

fn parse<T: serde::de::DeserializeOwned>(
    entries: &[StringStringEntryProto],
    key: &'static str,
) -> Result<T, OnnxError> {
    serde_json::from_str(entry(entries, key)?)
        .map_err(|e| OnnxError::Metadata { key, problem: format!("unreadable ({e})") })
}

fn json(value: &impl serde::Serialize) -> Result<String, OnnxError> {
    serde_json::to_string(value).map_err(|e| OnnxError::Format(e.to_string()))
}
