//! The whole protocol on one screen: features; neighbours; penalty chosen on validation, refit on train + validation; the
//! test split read once for each number, after everything is chosen.

use serde::{Deserialize, Serialize};
use simclr_datasets::{Dataset, Sample, entry};
use simclr_models::Limits;

use crate::chunks::extract_kept;
use crate::knn::Vote;
use crate::probe::{Fitted, Probe, Trial, penalties, sweep};
use crate::{
    Broken, Cache, Counts, EvalError, Evaluation, Features, Neighbours, Outcome, Parts, Predictions, Score,
    Source, fingerprint, metrics,
};

/// What to measure and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether to classify by nearest neighbours.
    pub with_knn: bool,
    /// Whether to fit a linear probe.
    pub with_linear: bool,
    /// How many neighbours vote; all, where there are fewer.
    pub neighbours: usize,
    /// Of the weighted vote.
    pub temperature: f64,
    /// Of the samples set aside.
    pub seed: u64,
    /// λ to try, strongest first, in units of the features' mean variance.
    pub penalties: Vec<f64>,
    /// What a picture may cost.
    pub limits: Limits,
    /// Share of a split's pictures that may be unreadable: so many are named and left out, more are an error.
    pub broken_max: f64,
    /// Pictures whose features are kept together, about.
    pub chunk: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            with_knn: true,
            with_linear: true,
            neighbours: 200,
            temperature: 0.1,
            seed: 0,
            penalties: penalties(),
            limits: Limits::default(),
            broken_max: 0.01,
            chunk: 1024,
        }
    }
}

/// Is told what happens during a long evaluation.
pub trait Watch {
    /// A step of so many units begins.
    fn begin(&mut self, step: &str, units: usize);
    /// So many of them are done.
    fn done(&mut self, units: usize);
}

/// Tells nobody.
impl Watch for () {
    fn begin(&mut self, _step: &str, _units: usize) {}
    fn done(&mut self, _units: usize) {}
}

/// How the linear probe came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeRecord {
    /// The encoder's name.
    pub encoder: String,
    /// The dataset's name.
    pub data: String,
    /// The chosen λ of the mean objective.
    pub penalty: f64,
    /// The same in scikit-learn's words: 1/(rows·λ).
    pub sklearn_c: f64,
    /// Rows it was fitted on.
    pub rows: usize,
    /// The objective reached.
    pub objective: f64,
    /// The largest entry of its gradient.
    pub gradient: f64,
    /// Evaluations in the last fit.
    pub evaluations: usize,
    /// Whether the chosen penalty is the strongest or weakest tried, so that a better one may lie beyond.
    pub is_at_the_edge: bool,
    /// What was tried.
    pub trials: Vec<Trial>,
}

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

/// One encoder's features of one dataset: what every measurement is made on.
struct Bench<'a> {
    source: &'a Source,
    dataset: &'a Dataset,
    options: &'a Options,
    known: Features,
    test: Features,
    split: &'a str,
}

impl Bench<'_> {
    /// The class that the weighted vote gives each test picture, and the scores by nearest neighbours.
    fn neighbours(&self, watch: &mut dyn Watch) -> Result<(Vec<usize>, Vec<Score>), EvalError> {
        let k = self.options.neighbours.min(self.known.len());
        watch.begin("neighbours", self.test.len());
        let neighbours = Neighbours::find(&self.known, &self.test, k, &mut |n| watch.done(n))?;
        let temperature = self.options.temperature;
        let (mut guesses, mut scores) = (Vec::new(), Vec::new());
        for (method, vote) in [
            (format!("knn k={k} T={temperature}"), Vote::Weighted { temperature }),
            (format!("knn k={k} plain"), Vote::Plain),
        ] {
            let votes = neighbours.votes(self.dataset.classes.len(), k, vote);
            scores.push(self.score(&method, self.metric()?, top(&votes, &self.test, 1)?));
            if guesses.is_empty() {
                guesses = votes.iter().map(|row| metrics::first_highest(row)).collect();
            }
        }
        Ok((guesses, scores))
    }

    /// The linear probe, its weights and biases, and how it came about; the test pictures are not looked at.
    fn fit(
        &self,
        rows: (&[usize], &[usize]),
        watch: &mut dyn Watch,
    ) -> Result<(Probe, Vec<f32>, Vec<f32>, ProbeRecord), EvalError> {
        let Self { source, dataset, options, known, .. } = self;
        watch.begin("linear probe", options.penalties.len() + 1);
        let classes = dataset.classes.len();
        let fitted = sweep(known, rows, classes, &options.penalties, &mut |n| watch.done(n))?;
        let data = format!("{}, {} pictures", dataset.name, known.len());
        let mut probe = Probe::new(&dataset.name, &data, &dataset.classes, &source.space_key, &fitted);
        let (weight, bias) = (std::mem::take(&mut probe.weight), std::mem::take(&mut probe.bias));
        Ok((probe, weight, bias, record(source, dataset, fitted)))
    }

    /// The probe's probabilities for every test picture, and its scores.
    fn linear(&self, probe: &Probe) -> Result<(Vec<f32>, Vec<Score>), EvalError> {
        let test = &self.test;
        let guesses = (0..test.len()).map(|i| probe.predict(test.row(i))).collect::<Result<Vec<_>, _>>()?;
        let mut scores = vec![self.score("linear", self.metric()?, top(&guesses, test, 1)?)];
        if self.dataset.classes.len() > 5 {
            scores.push(self.score("linear", "top-5".to_owned(), top(&guesses, test, 5)?));
        }
        Ok((guesses.concat(), scores))
    }

    fn metric(&self) -> Result<String, EvalError> {
        // A folder may have a name of its own after the catalog's.
        let name = if self.dataset.name.starts_with("folder-") { "folder" } else { &self.dataset.name };
        Ok(entry(name)?.metric.to_string())
    }

    fn score(&self, method: &str, metric: String, value: f64) -> Score {
        Score {
            encoder: self.source.name.clone(),
            data: self.dataset.name.clone(),
            split: self.split.to_owned(),
            method: method.to_owned(),
            metric,
            value,
            pictures: self.test.len(),
            interval: None,
        }
    }
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

fn top(rows: &[Vec<f32>], test: &Features, k: usize) -> Result<f64, EvalError> {
    let labels = test.labels.classes()?.iter().copied();
    Ok(metrics::top_k(rows.iter().map(Vec::as_slice).zip(labels), k))
}

fn record(source: &Source, dataset: &Dataset, fitted: Fitted) -> ProbeRecord {
    let ends = [fitted.trials.first(), fitted.trials.last()];
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let rows = fitted.rows as f64;
    ProbeRecord {
        encoder: source.name.clone(),
        data: dataset.name.clone(),
        penalty: fitted.penalty,
        sklearn_c: 1.0 / (rows * fitted.penalty),
        rows: fitted.rows,
        objective: fitted.objective,
        gradient: fitted.gradient,
        evaluations: fitted.evaluations,
        is_at_the_edge: ends.iter().flatten().any(|trial| trial.penalty == fitted.penalty),
        trials: fitted.trials,
    }
}
