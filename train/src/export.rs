//! Checkpoint to artefact: writes the encoder as ONNX, embeds a few pictures both ways, refuses to ship a mismatch.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simclr_models::{
    Artefact, CardDraft, Description, Embedding, Encoder, HeadLayers, OnnxEncoder, Picture, Training, Weights,
};
use tch::Device;

use crate::checkpoint::Checkpoint;
use crate::torch_encoder::TorchEncoder;
use crate::{TrainError, TrainRecipe};

/// Largest difference between libtorch's and ONNX Runtime's embeddings, over the largest value.
const TOLERANCE: f64 = 1e-4;

/// What of a network an artefact gives as its embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// The embedding h: better than anything after it (the paper's §4.2).
    #[default]
    Embedding,
    /// The output of so many layers of the projection head; SimCLRv2 fine-tunes from the first.
    HeadLayers(usize),
}

impl std::str::FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "h" => Ok(Self::Embedding),
            Ok(layers) if layers > 0 => Ok(Self::HeadLayers(layers)),
            _ => Err(format!("`{text}` is neither h nor a number of layers of the head")),
        }
    }
}

/// What a card says that no checkpoint knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// What the encoder is called; the recipe's name where nothing is said.
    pub name: Option<&'a str>,
    /// What it was trained on.
    pub data: &'a str,
    /// Of the weights.
    pub licence: &'a str,
}

/// Writes `folder` as an artefact of the checkpoint's encoder.
///
/// # Errors
/// When the head has not so many layers, the folder cannot be written, or the runtimes disagree (then nothing is kept).
pub fn export(
    checkpoint: &Checkpoint,
    folder: &Path,
    output: Output,
    about: About<'_>,
) -> Result<Artefact, TrainError> {
    let recipe = TrainRecipe::parse(&checkpoint.recipe_text)?;
    let head = head_layers(&recipe, output)?;
    let description = recipe.encoder.describe_to(head.as_ref())?;
    let weights = match output {
        Output::Embedding => checkpoint.encoder.clone(),
        Output::HeadLayers(_) => weights(checkpoint, &description)?,
    };
    let draft = CardDraft {
        name: about.name.unwrap_or(&recipe.name).to_owned(),
        recipe: recipe.preprocessing(),
        licence: about.licence.into(),
        training: Training {
            method: recipe.objective.method(),
            data: about.data.into(),
            epochs: checkpoint.epochs(&recipe),
            loss: checkpoint.epoch_loss,
            recipe: checkpoint.recipe_text.clone(),
            program: concat!("simclr-train ", env!("CARGO_PKG_VERSION")).into(),
            earlier: checkpoint.earlier.clone(),
        },
    };
    let artefact = Artefact::create_to(folder, &recipe.encoder, head, &weights, draft)?;
    let difference = largest_difference(&artefact, &description, &weights)?;
    if difference > TOLERANCE {
        std::fs::remove_dir_all(folder).map_err(TrainError::io(folder))?;
        return Err(TrainError::ExportMismatch { difference });
    }
    Ok(artefact)
}

fn head_layers(recipe: &TrainRecipe, output: Output) -> Result<Option<HeadLayers>, TrainError> {
    match output {
        Output::Embedding => Ok(recipe.kept_head),
        Output::HeadLayers(_) if recipe.objective.classes().is_some() => {
            Err(TrainError::Recipe("this run's head is a classifier; only h can be exported".into()))
        }
        Output::HeadLayers(layers) => Ok(Some(HeadLayers { layers, head: recipe.head })),
    }
}

/// The numbers of the encoder and of those layers of the head that the description has.
fn weights(checkpoint: &Checkpoint, description: &Description) -> Result<Weights, TrainError> {
    let names: Vec<String> = description.params().into_iter().map(|param| param.name).collect();
    let tensors = checkpoint.encoder.tensors().iter().chain(checkpoint.head.tensors());
    let wanted = tensors.filter(|tensor| names.contains(&tensor.name)).cloned().collect();
    Ok(Weights::check(description, wanted)?)
}

/// Embeds four random pictures with libtorch and with ONNX Runtime.
fn largest_difference(
    artefact: &Artefact,
    description: &Description,
    weights: &Weights,
) -> Result<f64, TrainError> {
    let images = artefact.recipe().prepare_batch(&random_pictures(artefact.recipe().side));
    let by_onnx = OnnxEncoder::open(artefact, 1)?.embed(&images)?;
    let by_torch = TorchEncoder::new(description.clone(), weights, Device::Cpu)?.embed(&images)?;
    let numbers = |embeddings| <[Embedding]>::iter(embeddings).flat_map(Embedding::as_slice);
    let pairs = numbers(&by_onnx).zip(numbers(&by_torch));
    let largest = pairs.clone().map(|(_, b)| b.abs()).fold(f32::MIN_POSITIVE, f32::max);
    let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    Ok(f64::from(difference / largest))
}

fn random_pictures(side: u32) -> Vec<Picture> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    (0..4)
        .filter_map(|_| {
            let mut rgb = vec![0u8; 3 * (side as usize).pow(2)];
            random.fill(rgb.as_mut_slice());
            Picture::new(side, side, rgb).ok()
        })
        .collect()
}
