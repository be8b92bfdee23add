//! Some splits of a dataset, each picture decoded once: remembered for comparison and embedded.

use rayon::prelude::*;
use simclr_datasets::{Dataset, Label, Mark, Sample, Split};
use simclr_models::ImageBatch;

use super::print::Print;
use super::search::Seen;
use super::{Looked, Options};
use crate::{EvalError, Source, Watch};

/// Pictures decoded, remembered and embedded together.
const BATCH: usize = 256;

/// Some pictures of a dataset, with what is known of those that could be read.
pub(super) struct Gallery<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) samples: Vec<&'a Sample>,
    pub(super) looked: Looked,
    pub(super) seen: Seen,
}

/// What a sample is labelled, by name.
pub(super) fn classes(dataset: &Dataset, sample: &Sample) -> Vec<String> {
    match &sample.label {
        Label::Class(class) => vec![dataset.classes[*class].clone()],
        Label::Marks(marks) => {
            let present = dataset.classes.iter().zip(&**marks).filter(|(_, mark)| **mark == Mark::Present);
            present.map(|(class, _)| class.clone()).collect()
        }
    }
}

/// Decodes, remembers and embeds the pictures of some splits.
pub(super) fn look<'a>(
    source: &mut Source,
    dataset: &'a Dataset,
    splits: Vec<Split>,
    options: &Options,
    watch: &mut dyn Watch,
) -> Result<Gallery<'a>, EvalError> {
    let all: Vec<&Sample> = splits.iter().filter_map(|&s| dataset.split(s)).flatten().collect();
    let names: Vec<String> =
        splits.iter().filter(|&&s| dataset.split(s).is_some()).map(Split::to_string).collect();
    let splits = names.join("+");
    watch.begin(&format!("{}: look at {splits}", dataset.name), all.len());
    let embedding_len = source.encoder.embedding_len();
    let mut seen = Seen { prints: vec![], embeddings: vec![], embedding_len };
    let (mut samples, mut broken) = (Vec::new(), Vec::new());
    for (chunk, done) in all.chunks(BATCH).zip((BATCH..).step_by(BATCH)) {
        let recipe = &source.recipe;
        let of = |sample: &&'a Sample| {
            sample.load(&options.limits).map(|picture| (Print::of(&picture), recipe.prepare(&picture)))
        };
        let looks: Vec<_> = chunk.par_iter().map(of).collect();
        let mut prepared = Vec::new();
        for (sample, look) in chunk.iter().zip(looks) {
            let Ok((print, picture)) = look else {
                broken.push(sample.name());
                continue;
            };
            samples.push(*sample);
            seen.prints.push(print);
            prepared.push(picture);
        }
        let batch = ImageBatch::from_prepared(recipe.side as usize, prepared);
        for embedding in source.encoder.embed(&batch)? {
            seen.embeddings.extend_from_slice(embedding.as_slice());
        }
        watch.done(done.min(all.len()));
    }
    if samples.is_empty() {
        let problem =
            if splits.is_empty() { "no test or validation split" } else { "no picture that can be read" };
        return Err(EvalError::TooFew(format!("{}: there is {problem} to look for leaks in", dataset.name)));
    }
    let looked = Looked { dataset: dataset.name.clone(), splits, pictures: samples.len(), broken };
    Ok(Gallery { dataset, samples, looked, seen })
}
