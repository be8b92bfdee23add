//! The whole protocol on one screen: features; neighbours; penalty chosen on validation, refit on train + validation; the
//! test split read once for each number, after everything is chosen.

use serde::{Deserialize, Serialize};
use simclr_datasets::{Dataset, entry};
use simclr_models::Limits;

use crate::knn::Vote;
use crate::probe::{Fitted, Probe, Trial, penalties, sweep};
use crate::{EvalError, Features, Neighbours, Parts, Score, Source, extract, metrics};

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

/// What one encoder got on one dataset.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The numbers.
    pub scores: Vec<Score>,
    /// The fitted probe and how it came about, where one was asked for.
    pub probe: Option<(Probe, ProbeRecord)>,
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
    let metric = entry(&dataset.name)?.metric.to_string();
    let score = |method: &str, metric: &str, value| Score {
        encoder: source.name.clone(),
        data: dataset.name.clone(),
        split: parts.test_name.clone(),
        method: method.to_owned(),
        metric: metric.to_owned(),
        value,
        pictures: test.len(),
    };
    let classes = dataset.classes.len();
    let mut scores = Vec::new();
    if options.with_knn {
        let k = options.neighbours.min(known.len());
        watch.begin("neighbours", test.len());
        let neighbours = Neighbours::find(&known, &test, k, &mut |n| watch.done(n))?;
        let temperature = options.temperature;
        for (method, vote) in [
            (format!("knn k={k} T={temperature}"), Vote::Weighted { temperature }),
            (format!("knn k={k} plain"), Vote::Plain),
        ] {
            let votes = neighbours.votes(classes, k, vote);
            scores.push(score(&method, &metric, top(&votes, &test, 1)?));
        }
    }
    let mut probe = None;
    if options.with_linear {
        let rows = (parts.train.as_slice(), parts.validation.as_slice());
        watch.begin("linear probe", options.penalties.len() + 1);
        let fitted = sweep(&known, rows, classes, &options.penalties, &mut |n| watch.done(n))?;
        let data = format!("{}, {} pictures", dataset.name, known.len());
        let mut made = Probe::new(&dataset.name, &data, &dataset.classes, &source.space_key, &fitted);
        let guesses = (0..test.len()).map(|i| made.predict(test.row(i))).collect::<Result<Vec<_>, _>>()?;
        scores.push(score("linear", &metric, top(&guesses, &test, 1)?));
        made.score = scores.last().map(|s| s.value);
        if classes > 5 {
            scores.push(score("linear", "top-5", top(&guesses, &test, 5)?));
        }
        probe = Some((made, record(source, dataset, fitted)));
    }
    Ok(Evaluation { scores, probe })
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
