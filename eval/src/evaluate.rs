//! The whole protocol on one screen: features; neighbours; penalty chosen on validation, refit on train + validation; the
//! test split read once for each number, after everything is chosen.

use serde::{Deserialize, Serialize};
use simclr_datasets::{Dataset, Metric, Sample, entry};
use simclr_models::Limits;

use crate::chunks::extract_kept;
use crate::judging::{Judgement, NEIGHBOURS, TEMPERATURES, by_neighbours, by_probe};
use crate::metrics::{Bootstrap, Measured};
use crate::probe::{Fitted, Probe, Trial, penalties, sweep};
use crate::{
    Broken, Cache, Counts, EvalError, Evaluation, Features, FewShot, Labels, Outcome, Parts, Predictions,
    Score, Source, few_shot, fingerprint,
};

/// What to measure and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether to classify by nearest neighbours.
    pub with_knn: bool,
    /// Whether to fit a linear probe.
    pub with_linear: bool,
    /// How many neighbours vote, one number after another; all, where there are fewer.
    pub neighbours: Vec<usize>,
    /// Of the weighted vote, one after another.
    pub temperatures: Vec<f64>,
    /// How many pictures of each class a probe is fitted on besides, one number after another.
    pub shots: Vec<usize>,
    /// How often so few pictures are drawn.
    pub draws: usize,
    /// Draws of test pictures for the intervals.
    pub bootstrap: usize,
    /// Of the samples set aside.
    pub seed: u64,
    /// λ to try, as [`penalties`] are: strongest first, of the summed objective, in units of the features' mean variance.
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
            neighbours: NEIGHBOURS.to_vec(),
            temperatures: TEMPERATURES.to_vec(),
            shots: Vec::new(),
            draws: 5,
            bootstrap: Bootstrap::default().samples,
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
        let Self { dataset, options, known, test, .. } = self;
        let votes = (options.neighbours.as_slice(), options.temperatures.as_slice());
        let (classes, metric) = (dataset.classes.len(), self.metric()?);
        watch.begin("neighbours", test.len());
        let mut told = |n| watch.done(n);
        let (guesses, judgements) =
            by_neighbours((known, test), classes, metric, votes, self.bootstrap(), &mut told)?;
        // Of every vote the dataset's own metric; of the probe, everything.
        let own =
            |(method, measured): Judgement| measured.into_iter().take(1).map(move |m| (method.clone(), m));
        let scores = judgements.into_iter().flat_map(own).map(|(method, m)| self.score(&method, m)).collect();
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
        let (guesses, (method, measured)) = by_probe(probe, &self.test, self.metric()?, self.bootstrap())?;
        Ok((guesses, measured.into_iter().map(|m| self.score(&method, m)).collect()))
    }

    /// The scores of probes fitted on a few pictures of each class: their mean over draws, with its interval.
    fn few_shot(&self, watch: &mut dyn Watch) -> Result<Vec<Score>, EvalError> {
        let Self { dataset, options, known, test, .. } = self;
        let Labels::Classes(_) = known.labels else {
            return Ok(Vec::new());
        };
        let metric = self.metric()?;
        watch.begin("few-shot probes", options.shots.len() * options.draws);
        let how = (options.shots.as_slice(), options.draws, options.seed);
        let found = few_shot(known, test, dataset.classes.len(), how, metric, &mut |n| watch.done(n))?;
        let score = |few: FewShot| Score {
            interval: few.half_width.map(|half| [few.mean - half, few.mean + half]),
            ..self.scored(&format!("few-shot n={}", few.shots), &metric.to_string(), few.mean)
        };
        Ok(found.into_iter().map(score).collect())
    }

    fn bootstrap(&self) -> Bootstrap {
        Bootstrap { samples: self.options.bootstrap, seed: self.options.seed }
    }

    fn metric(&self) -> Result<Metric, EvalError> {
        // A folder may have a name of its own after the catalog's.
        let name = if self.dataset.name.starts_with("folder-") { "folder" } else { &self.dataset.name };
        Ok(entry(name)?.metric)
    }

    fn score(&self, method: &str, measured: Measured) -> Score {
        let Measured { metric, value, interval } = measured;
        Score { interval: Some(interval), ..self.scored(method, &metric, value) }
    }

    fn scored(&self, method: &str, metric: &str, value: f64) -> Score {
        Score {
            encoder: self.source.name.clone(),
            data: self.dataset.name.clone(),
            split: self.split.to_owned(),
            method: method.to_owned(),
            metric: metric.to_owned(),
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
        is_at_the_edge: ends.iter().flatten().any(|trial| Some(trial.relative) == fitted.relative),
        trials: fitted.trials,
    }
}
