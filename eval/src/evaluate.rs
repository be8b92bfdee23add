//! The whole protocol on one screen: features; neighbours; penalty chosen on validation, refit on train + validation; the
//! test split read once for each number, after everything is chosen.

use serde::{Deserialize, Serialize};
use simclr_datasets::{Dataset, Sample, entry};
use simclr_models::Limits;

use crate::knn::Vote;
use crate::probe::{Fitted, Probe, Trial, penalties, sweep};
use crate::{
    Counts, EvalError, Evaluation, Features, Neighbours, Outcome, Parts, Predictions, Score, Source, extract,
    fingerprint, metrics,
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

/// Judges an encoder on a dataset.
///
/// # Errors
/// When a picture cannot be read, the encoder fails, or the probe does not converge.
pub fn evaluate(
    source: &mut Source,
    dataset: &Dataset,
    options: &Options,
    watch: &mut dyn Watch,
) -> Result<Evaluation, EvalError> {
    let parts = Parts::of(dataset, options.seed)?;
    let (known, test) = features(source, &parts, options, watch)?;
    let mut bench =
        Bench { source, dataset, options, known, test, scores: Vec::new(), split: &parts.test_name };
    let mut predictions = Predictions::of(bench.test.labels.clone());
    if options.with_knn {
        predictions.knn = bench.neighbours(watch)?;
    }
    let (mut probe, mut record) = (None, None);
    if options.with_linear {
        let (fitted, guesses, how) = bench.linear((&parts.train, &parts.validation), watch)?;
        (predictions.classes, predictions.scores) = (dataset.classes.len(), guesses);
        (probe, record) = (Some(fitted), Some(how));
    }
    let scores = bench.scores;
    let outcome = Outcome {
        fingerprint: fingerprint::of_outcome(source, dataset, &parts, options),
        encoder: source.name.clone(),
        space_key: source.space_key.clone(),
        dataset: dataset.name.clone(),
        classes: dataset.classes.clone(),
        pictures: Counts::of(dataset, |_| 0),
        scores,
        probe: record,
        broken: Vec::new(),
        split_name: parts.test_name,
    };
    let samples = parts.test.iter().map(Sample::name).collect();
    Ok(Evaluation { outcome, predictions, samples, probe })
}

/// One encoder's features of one dataset, and what has been measured on them.
struct Bench<'a> {
    source: &'a Source,
    dataset: &'a Dataset,
    options: &'a Options,
    known: Features,
    test: Features,
    split: &'a str,
    scores: Vec<Score>,
}

impl Bench<'_> {
    /// Scores by nearest neighbours; returns the class the weighted vote gives each test picture.
    fn neighbours(&mut self, watch: &mut dyn Watch) -> Result<Vec<usize>, EvalError> {
        let k = self.options.neighbours.min(self.known.len());
        watch.begin("neighbours", self.test.len());
        let neighbours = Neighbours::find(&self.known, &self.test, k, &mut |n| watch.done(n))?;
        let temperature = self.options.temperature;
        let mut guesses = Vec::new();
        for (method, vote) in [
            (format!("knn k={k} T={temperature}"), Vote::Weighted { temperature }),
            (format!("knn k={k} plain"), Vote::Plain),
        ] {
            let votes = neighbours.votes(self.dataset.classes.len(), k, vote);
            self.score(&method, self.metric()?, top(&votes, &self.test, 1)?);
            if guesses.is_empty() {
                guesses = votes.iter().map(|row| metrics::first_highest(row)).collect();
            }
        }
        Ok(guesses)
    }

    /// Scores the linear probe; returns it, its probabilities for each test picture, and how it came about.
    fn linear(
        &mut self,
        rows: (&[usize], &[usize]),
        watch: &mut dyn Watch,
    ) -> Result<(Probe, Vec<f32>, ProbeRecord), EvalError> {
        let Self { source, dataset, options, .. } = *self;
        let classes = dataset.classes.len();
        watch.begin("linear probe", options.penalties.len() + 1);
        let fitted = sweep(&self.known, rows, classes, &options.penalties, &mut |n| watch.done(n))?;
        let data = format!("{}, {} pictures", dataset.name, self.known.len());
        let mut probe = Probe::new(&dataset.name, &data, &dataset.classes, &source.space_key, &fitted);
        let test = &self.test;
        let guesses = (0..test.len()).map(|i| probe.predict(test.row(i))).collect::<Result<Vec<_>, _>>()?;
        let (first, five) = (top(&guesses, test, 1)?, top(&guesses, test, 5)?);
        self.score("linear", self.metric()?, first);
        probe.score = Some(first);
        if classes > 5 {
            self.score("linear", "top-5".to_owned(), five);
        }
        Ok((probe, guesses.concat(), record(source, dataset, fitted)))
    }

    fn metric(&self) -> Result<String, EvalError> {
        Ok(entry(&self.dataset.name)?.metric.to_string())
    }

    fn score(&mut self, method: &str, metric: String, value: f64) {
        self.scores.push(Score {
            encoder: self.source.name.clone(),
            data: self.dataset.name.clone(),
            split: self.split.to_owned(),
            method: method.to_owned(),
            metric,
            value,
            pictures: self.test.len(),
            interval: None,
        });
    }
}

fn features(
    source: &mut Source,
    parts: &Parts,
    options: &Options,
    watch: &mut dyn Watch,
) -> Result<(Features, Features), EvalError> {
    let mut embed = |step: &str, samples| {
        watch.begin(step, <[_]>::len(samples));
        extract(&mut *source.encoder, &source.recipe, samples, &options.limits, &mut |n| watch.done(n))
    };
    let mut known = embed("training pictures", &parts.known)?;
    let mut test = embed("test pictures", &parts.test)?;
    if source.is_centred {
        let mean = known.mean();
        known.shift(&mean);
        test.shift(&mean);
    }
    Ok((known, test))
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
