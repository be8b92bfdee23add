//! A supervised checkpoint as a classifier: judged on pictures, kept as a probe beside its encoder.

use std::fs;
use std::path::Path;

use rayon::prelude::*;
use simclr_datasets::{Dataset, DatasetError, Sample};
use simclr_eval::Probe;
use simclr_models::{Limits, NamedTensor, Picture};
use tch::{Device, Kind, Tensor};

use super::Outcome;
use crate::checkpoint::{Checkpoint, descriptions};
use crate::export::Output;
use crate::network::{Mode, Network, to_i64};
use crate::{TrainError, TrainRecipe};

/// Pictures classified at once.
const BATCH: usize = 256;

/// Share, in percent, of the pictures whose largest logit is their class's; prepared as for serving, not augmented.
pub(super) fn top_1(checkpoint: &Checkpoint, samples: &[Sample], device: Device) -> Result<f64, TrainError> {
    let _no_grad = tch::no_grad_guard();
    let recipe = TrainRecipe::parse(&checkpoint.recipe_text)?;
    let (encoder, head) = descriptions(&recipe)?;
    let encoder = Network::new(encoder, &checkpoint.encoder, device)?;
    let head = Network::new(head, &checkpoint.head, device)?;
    let preprocessing = recipe.preprocessing();
    let side = i64::from(preprocessing.side);
    let mut right = 0;
    for chunk in samples.chunks(BATCH) {
        let pictures: Vec<Picture> = chunk
            .par_iter()
            .map(|sample| sample.load(&Limits::default()))
            .collect::<Result<_, DatasetError>>()?;
        let images = preprocessing.prepare_batch(&pictures);
        let input = Tensor::f_from_slice(images.as_slice())?
            .f_view([to_i64(chunk.len()), 3, side, side])?
            .f_to_device(device)?;
        let logits = head.forward(&encoder.forward(&input, Mode::Serve)?, Mode::Serve)?;
        let labels: Vec<i64> = chunk.iter().map(|sample| to_i64(sample.label)).collect();
        let labels = Tensor::f_from_slice(&labels)?.f_to_device(device)?;
        let hits = logits.f_argmax(1, false)?.f_eq_tensor(&labels)?.f_sum(Kind::Int64)?;
        right += hits.f_int64_value(&[])?;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    Ok(100.0 * right as f64 / samples.len().max(1) as f64)
}

/// Writes the encoder as an artefact, with the classifier among its probes.
pub(super) fn export(
    checkpoint: &Checkpoint,
    dataset: &Dataset,
    outcome: &Outcome,
    folder: &Path,
) -> Result<(), TrainError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(TrainError::io(folder))?;
    }
    let data = format!("{}, {} labelled pictures, from {}", dataset.name, outcome.pictures, outcome.start);
    let artefact =
        crate::export::export(checkpoint, folder, Output::Embedding, &data, "see the data's licence")?;
    let numbers = |suffix: &str| -> Vec<f32> {
        let last = checkpoint.head.tensors().iter().rev().find(|tensor| tensor.name.ends_with(suffix));
        last.map(|NamedTensor { data, .. }| data.clone()).unwrap_or_default()
    };
    let probe = Probe {
        name: format!("{}-finetuned", dataset.name),
        data: format!("{}, {} pictures, fine-tuned", dataset.name, outcome.pictures),
        classes: dataset.classes.clone(),
        space_key: artefact.space_key().to_owned(),
        embedding_len: artefact.embedding_len(),
        penalty: outcome.decay,
        rows: outcome.pictures,
        score: Some(outcome.top_1),
        weight: numbers("weight"),
        bias: numbers("bias"),
    };
    let probes = artefact.probes_folder();
    fs::create_dir_all(&probes).map_err(TrainError::io(&probes))?;
    Ok(probe.save(&probes.join(format!("{}.safetensors", probe.name)))?)
}
