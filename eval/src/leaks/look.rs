//! Some splits of a dataset, each picture decoded once: remembered for comparison and embedded.

use simclr_datasets::{Dataset, Label, Mark, Sample, Split};

use super::print::Print;
use super::search::Seen;
use super::{Looked, Options};
use crate::pipeline::{Pictures, batch_len, embed_ranges, ranges};
use crate::{EvalError, Source, Watch};

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
    let mut seen =
        Seen { prints: vec![], embeddings: vec![], embedding_len: source.encoders.embedding_len() };
    let (mut samples, mut broken) = (Vec::new(), Vec::new());
    let pictures = Pictures { samples: &all, recipe: &source.recipe, limits: &options.limits };
    let batches = ranges(0..all.len(), batch_len(&source.recipe));
    embed_ranges(&mut source.encoders, &pictures, &batches, &Print::of, &mut |embedded| {
        seen.prints.extend(embedded.notes);
        seen.embeddings.extend(embedded.embeddings);
        let is_sound = |place: &usize| !embedded.broken.iter().any(|(at, _)| at == place);
        samples.extend(embedded.range.clone().filter(is_sound).map(|place| all[place]));
        broken.extend(embedded.broken.iter().map(|(at, _)| all[*at].name()));
        watch.done(embedded.range.end);
        Ok(())
    })?;
    if samples.is_empty() {
        let problem =
            if splits.is_empty() { "no test or validation split" } else { "no picture that can be read" };
        return Err(EvalError::TooFew(format!("{}: there is {problem} to look for leaks in", dataset.name)));
    }
    let looked = Looked { dataset: dataset.name.clone(), splits, pictures: samples.len(), broken };
    Ok(Gallery { dataset, samples, looked, seen })
}
