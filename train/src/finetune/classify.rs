//! A supervised checkpoint's classifier as a probe: judged on pictures, kept beside its encoder.

use std::fs;
use std::path::Path;

use simclr_datasets::{Dataset, Metric, Sample};
use simclr_eval::probe::{Kind, Probe};
use simclr_eval::{Encoders, extract, metrics};
use simclr_models::{Limits, NamedTensor};
use tch::Device;

use super::Outcome;
use crate::checkpoint::{Checkpoint, descriptions};
use crate::export::{About, Output};
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

/// What a classifier is worth on some pictures, in percent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    /// Share of the pictures whose most probable class is theirs.
    pub(super) top_1: f64,
    /// The dataset's own metric.
    pub(super) own: f64,
}

/// Judges by pictures prepared as for serving, not augmented.
pub(super) fn judge(
    checkpoint: &Checkpoint,
    classifier: &Probe,
    samples: &[Sample],
    metric: Metric,
    device: Device,
) -> Result<Judged, TrainError> {
    let recipe = TrainRecipe::parse(&checkpoint.recipe_text)?;
    let (description, _) = descriptions(&recipe)?;
    let mut encoders = Encoders::one(TorchEncoder::new(description, &checkpoint.encoder, device)?);
    let limits = Limits::default();
    let features = extract(&mut encoders, &recipe.preprocessing(), samples, &limits, &mut |_| ())?;
    let guesses = (0..features.len())
        .map(|row| classifier.predict(features.row(row)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(worth(&guesses, features.labels.classes()?, classifier.classes.len(), metric))
}

/// Probabilities of classes beside the right ones.
fn worth(guesses: &[Vec<f32>], labels: &[usize], classes: usize, metric: Metric) -> Judged {
    let rows = || guesses.iter().map(Vec::as_slice).zip(labels.iter().copied());
    let top_1 = metrics::top_k(rows(), 1);
    let own = match metric {
        Metric::MeanPerClass => {
            let hits: Vec<bool> = rows().map(|(row, label)| metrics::place(row, label) == 0).collect();
            metrics::mean_per_class(&hits, labels, classes, &vec![1; labels.len()])
        }
        // Mean average precision is of pictures that show several classes, which have no one class to learn.
        Metric::Top1 | Metric::Map11 => top_1,
    };
    Judged { top_1, own }
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
    let about = About { name: None, data: &data, licence: "see the data's licence" };
    let artefact = crate::export::export(checkpoint, folder, Output::Embedding, about)?;
    let space_key = artefact.space_key().to_owned();
    let probe = Probe { space_key, score: Some(outcome.score), ..classifier };
    let probes = artefact.probes_folder();
    fs::create_dir_all(&probes).map_err(TrainError::io(&probes))?;
    Ok(probe.save(&probes.join(format!("{}.safetensors", probe.name)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_is_judged_by_its_own_metric() {
        // Three of four right in the larger class, none of one in the smaller.
        let guesses = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8], [0.8, 0.2]].map(Vec::from);
        let by = |metric| worth(&guesses, &[0, 0, 0, 0, 1], 2, metric);
        assert_eq!((by(Metric::Top1).top_1, by(Metric::Top1).own), (60.0, 60.0));
        assert_eq!((by(Metric::MeanPerClass).top_1, by(Metric::MeanPerClass).own), (60.0, 37.5));
    }
}
