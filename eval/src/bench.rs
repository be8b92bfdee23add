//! One encoder's features of one dataset, and every measurement made on them: a method each. Knows nothing of pictures, nor
//! of where results are kept.

use serde::{Deserialize, Serialize};
use simclr_datasets::{Dataset, Metric};

use crate::judging::{Judgement, by_neighbours, by_probe};
use crate::metrics::{Bootstrap, Measured};
use crate::probe::{Fitted, Probe, Trial, sweep};
use crate::{EvalError, Features, FewShot, Labels, Options, Score, Source, Watch, few_shot};

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

/// One encoder's features of one dataset: what every measurement is made on.
pub(crate) struct Bench<'a> {
    pub(crate) source: &'a Source,
    pub(crate) dataset: &'a Dataset,
    pub(crate) options: &'a Options,
    pub(crate) known: Features,
    pub(crate) test: Features,
    pub(crate) split: &'a str,
}

impl Bench<'_> {
    /// The class that the weighted vote gives each test picture, and the scores by nearest neighbours.
    pub(crate) fn neighbours(&self, watch: &mut dyn Watch) -> Result<(Vec<usize>, Vec<Score>), EvalError> {
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
    pub(crate) fn fit(
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
    pub(crate) fn linear(&self, probe: &Probe) -> Result<(Vec<f32>, Vec<Score>), EvalError> {
        let (guesses, (method, measured)) = by_probe(probe, &self.test, self.metric()?, self.bootstrap())?;
        Ok((guesses, measured.into_iter().map(|m| self.score(&method, m)).collect()))
    }

    /// The scores of probes fitted on a few pictures of each class: their mean over draws, with its interval.
    pub(crate) fn few_shot(&self, watch: &mut dyn Watch) -> Result<Vec<Score>, EvalError> {
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
        Ok(self.dataset.entry()?.metric)
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
