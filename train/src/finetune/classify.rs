//! A supervised checkpoint's classifier as a probe: judged on pictures, kept beside its encoder.

use std::fs;
use std::path::Path;

use simclr_datasets::{Dataset, Sample};
use simclr_eval::probe::{Kind, Probe};
use simclr_eval::{Encoders, extract, metrics};
use simclr_models::{Limits, NamedTensor};
use tch::Device;

use super::Outcome;
use crate::checkpoint::{Checkpoint, descriptions};
use crate::export::Output;
use crate::torch_encoder::TorchEncoder;
use crate::{TrainError, TrainRecipe};

/// The checkpoint's classifier; what it was judged by and its embeddings' space are not known yet.
pub(super) fn classifier(checkpoint: &Checkpoint, dataset: &Dataset, pictures: usize, decay: f64) -> Probe {
    let numbers = |suffix: &str| -> Vec<f32> {
        let tensor = checkpoint.head.tensors().iter().find(|tensor| tensor.name.ends_with(suffix));
        tensor.map(|NamedTensor { data, .. }| data.clone()).unwrap_or_default()
    };
    let (weight, bias) = (numbers("weight"), numbers("bias"));
    Probe {
        name: format!("{}-finetuned", dataset.name),
        data: format!("{}, {pictures} pictures, fine-tuned", dataset.name),
        classes: dataset.classes.clone(),
        space_key: String::new(),
        embedding_len: weight.len() / bias.len().max(1),
        penalty: decay,
        rows: pictures,
        kind: Kind::Softmax,
        score: None,
        validation: None,
        weight,
        bias,
    }
}

/// Share, in percent, of the pictures whose most probable class is theirs; prepared as for serving, not augmented.
pub(super) fn top_1(
    checkpoint: &Checkpoint,
    classifier: &Probe,
    samples: &[Sample],
    device: Device,
) -> Result<f64, TrainError> {
    let recipe = TrainRecipe::parse(&checkpoint.recipe_text)?;
    let (description, _) = descriptions(&recipe)?;
    let mut encoders = Encoders::one(TorchEncoder::new(description, &checkpoint.encoder, device)?);
    let limits = Limits::default();
    let features = extract(&mut encoders, &recipe.preprocessing(), samples, &limits, &mut |_| ())?;
    let guesses = (0..features.len())
        .map(|row| classifier.predict(features.row(row)))
        .collect::<Result<Vec<_>, _>>()?;
    let labels = features.labels.classes()?.iter().copied();
    Ok(metrics::top_k(guesses.iter().map(Vec::as_slice).zip(labels), 1))
}

/// Writes the encoder as an artefact, with the classifier among its probes.
pub(super) fn export(
    checkpoint: &Checkpoint,
    classifier: Probe,
    outcome: &Outcome,
    folder: &Path,
) -> Result<(), TrainError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(TrainError::io(folder))?;
    }
    let data = format!("{}, {} labelled pictures, from {}", outcome.data, outcome.pictures, outcome.start);
    let artefact =
        crate::export::export(checkpoint, folder, Output::Embedding, &data, "see the data's licence")?;
    let space_key = artefact.space_key().to_owned();
    let probe = Probe { space_key, score: Some(outcome.top_1), ..classifier };
    let probes = artefact.probes_folder();
    fs::create_dir_all(&probes).map_err(TrainError::io(&probes))?;
    Ok(probe.save(&probes.join(format!("{}.safetensors", probe.name)))?)
}
