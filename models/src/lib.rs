//! What an encoder *is*: pictures in, embeddings out.
//!
//! In the order data flows: a [`Picture`] is decoded from bytes, a [`Recipe`] prepares it into an [`ImageBatch`], an
//! [`Encoder`] turns the batch into [`Embedding`]s. The network itself is a [`Description`] with checked [`Weights`];
//! an [`Artefact`] is a folder that holds both as ONNX, with a card. Knows neither libtorch nor HTTP nor any dataset.

mod artefact;
mod card;
pub mod description;
mod embedding;
mod encoder;
mod files;
mod foreign;
pub mod import;
pub mod npy;
pub mod onnx;
mod onnx_encoder;
mod onnx_runtime;
mod picture;
mod provider;
pub mod quantise;
mod recipe;
pub mod reference;
mod resize;
mod weights;

pub use artefact::{Artefact, ArtefactError, is_name};
pub use card::{Card, CardDraft, CardScore, Earlier, Training};
pub use description::{
    Description, DescriptionError, Head, HeadLayers, Op, Padding, Param, ParamKind, ResNet, Stem, Step,
    Value, describe_classifier, describe_head,
};
pub use embedding::Embedding;
pub use encoder::{EncodeError, Encoder, Overflowed, finite};
pub use foreign::{Foreign, ForeignEncoder, ForeignError};
pub use onnx_encoder::OnnxEncoder;
pub use picture::{Limits, Picture, PictureError};
pub use provider::Provider;
pub use recipe::{Filter, ImageBatch, Recipe, RecipeError, SIDE_MAX};
pub use weights::{NamedTensor, Weights, WeightsError};
