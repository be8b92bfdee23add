//! The whole protocol on one screen: features; neighbours; penalty chosen on validation, refit on train + validation; the
//! test split read once for each number, after everything is chosen.

use simclr_datasets::{Dataset, Sample};

use crate::bench::Bench;
use crate::chunks::extract_kept;
use crate::{
    Broken, Cache, Counts, EvalError, Evaluation, Features, Options, Outcome, Parts, Predictions, Source,
    Watch, fingerprint,
};

/// Judges an encoder on a dataset; what is already in the cache is not computed again.
///
/// # Errors
/// When too many pictures cannot be read, the encoder fails, or the probe does not converge.
pub fn evaluate(
    source: &mut Source,
    dataset: &Dataset,
    options: &Options,
    cache: &Cache,
    watch: &mut dyn Watch,
) -> Result<Evaluation, EvalError> {
    let parts = Parts::of(dataset, options.seed)?;
    let key = fingerprint::of_outcome(source, dataset, &parts, options);
    let (parts, known, test, broken) = features(source, parts, options, cache, watch)?;
    let bench = Bench { source, dataset, options, known, test, split: &parts.test_name };
    let mut predictions = Predictions::of(bench.test.labels.clone());
    let mut scores = Vec::new();
    if options.with_knn {
        let (guesses, by_knn) = cache.stage(&key, "neighbours", || bench.neighbours(watch))?;
        predictions.knn = guesses;
        scores.extend(by_knn);
    }
    let (mut probe, mut record) = (None, None);
    if options.with_linear {
        let rows = (parts.train.as_slice(), parts.validation.as_slice());
        let (mut fitted, weight, bias, how) = cache.stage(&key, "probe", || bench.fit(rows, watch))?;
        // The numbers are no part of a probe's JSON, which is its file's header.
        (fitted.weight, fitted.bias) = (weight, bias);
        let (guesses, by_probe) = bench.linear(&fitted)?;
        (predictions.classes, predictions.scores) = (dataset.classes.len(), guesses);
        fitted.score = by_probe.first().map(|s| s.value);
        probe = Some(fitted);
        record = Some(how);
        scores.extend(by_probe);
    }
    if !options.shots.is_empty() {
        scores.extend(cache.stage(&key, "few-shot", || bench.few_shot(watch))?);
    }
    let samples = parts.test.iter().map(Sample::name).collect();
    let outcome = Outcome {
        fingerprint: key,
        encoder: source.name.clone(),
        space_key: source.space_key.clone(),
        dataset: dataset.name.clone(),
        classes: dataset.classes.clone(),
        pictures: Counts::of(dataset, &broken),
        scores,
        probe: record,
        broken,
        split_name: parts.test_name,
    };
    Ok(Evaluation { outcome, predictions, samples, probe })
}

/// The parts without their broken pictures, the features of what is known and of what is judged, and the broken ones.
fn features(
    source: &mut Source,
    parts: Parts,
    options: &Options,
    cache: &Cache,
    watch: &mut dyn Watch,
) -> Result<(Parts, Features, Features, Vec<Broken>), EvalError> {
    let mut embed = |step: &str, samples: &[Sample]| {
        watch.begin(step, samples.len());
        extract_kept(source, samples, options, cache, watch)
    };
    let mut known = embed("training pictures", &parts.known)?;
    let mut test = embed("test pictures", &parts.test)?;
    let parts = parts.without_broken(&known.sound, &test.sound)?;
    if source.is_centred {
        let mean = known.features.mean();
        known.features.shift(&mean);
        test.features.shift(&mean);
    }
    let broken = known.broken.into_iter().chain(test.broken).map(|(_, broken)| broken).collect();
    Ok((parts, known.features, test.features, broken))
}
