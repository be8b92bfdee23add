//! What passes between the server and the process that evaluates for it: an order as a file, lines of JSON back.
//!
//! [`carry_out`] is all that the process does; it runs `simclr_eval::run`, as the command line does. Knows neither HTTP nor
//! the server's other state.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use simclr_datasets::OpenOptions;
use simclr_eval::run::{Follow, Plan, Setting, find, run};
use simclr_eval::{Cache, EncoderSpec, EvalError, Job, Options, Outcome, Storage, Watch};
use simclr_models::Artefact;

use super::pair::{Figure, Pair, PairStatus};
use super::request::{Method, Request};

/// Progress is told at most this often.
const BETWEEN_TELLINGS: Duration = Duration::from_millis(200);

/// Everything the process needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// What was asked for; its names are known ones.
    pub(super) request: Request,
    /// Encoders as the command line names them.
    pub(super) encoders: Vec<String>,
    /// The artefact that baselines resemble.
    pub(super) like: Option<PathBuf>,
    /// The folder whose folders are datasets.
    pub(super) data: PathBuf,
    /// Where results go.
    pub(super) out: PathBuf,
    /// Where features and finished stages are kept.
    pub(super) cache: PathBuf,
    /// Threads of the encoder.
    pub(super) threads: usize,
}

/// What the process tells, one line each.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "kebab-case")]
pub(crate) enum Told {
    /// What there is to do.
    Plan {
        /// Encoder by encoder.
        pairs: Vec<Pair>,
        /// Seconds that embedding will take, about.
        seconds: Option<f64>,
    },
    /// A pair began.
    Began {
        /// The encoder's name.
        encoder: String,
        /// The dataset's.
        dataset: String,
    },
    /// So much of a step is done.
    Step {
        /// What is being done.
        step: String,
        /// Units that are done.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// A pair ended.
    Ended(Pair),
    /// Nothing more can be done.
    Failed {
        /// Why.
        problem: String,
    },
}

/// Evaluates what is ordered and not finished; tells, a line of JSON each, how it goes, and in the end why it did not.
pub fn carry_out(order: &Order, tell: &mut dyn FnMut(&str)) {
    let mut tell = |told: &Told| {
        // Texts and numbers always become JSON.
        tell(&serde_json::to_string(told).unwrap_or_default());
    };
    if let Err(error) = evaluate(order, &mut tell) {
        tell(&Told::Failed { problem: error.to_string() });
    }
}

fn evaluate(order: &Order, tell: &mut dyn FnMut(&Told)) -> Result<(), EvalError> {
    let setting = setting(order)?;
    let plan = Plan::make(&setting, None)?;
    let pairs = plan.jobs().map(|job| match job.is_finished {
        true => finished(job, &setting.out),
        false => Ok(Pair::waiting(job)),
    });
    tell(&Told::Plan { pairs: pairs.collect::<Result<_, _>>()?, seconds: plan.seconds });
    let mut follow = Teller { tell, out: &setting.out, step: String::new(), of: 0, told: None };
    run(&setting, &plan, &mut follow)
}

fn setting(order: &Order) -> Result<Setting, EvalError> {
    let Request { datasets, methods, few_shot, seed, partial, .. } = &order.request;
    let specs = order.encoders.iter().map(|name| name.parse::<EncoderSpec>());
    let has = |method| methods.is_empty() || methods.contains(&method);
    Ok(Setting {
        specs: specs.collect::<Result<_, _>>()?,
        like: order.like.as_deref().map(Artefact::open).transpose()?,
        datasets: find(&order.data, datasets, &OpenOptions { partial: *partial })?.datasets,
        options: Options {
            with_knn: has(Method::Knn),
            with_linear: has(Method::Linear),
            shots: few_shot.iter().map(|shots| usize::from(*shots)).collect(),
            seed: *seed,
            ..Options::default()
        },
        out: Storage::folder(&order.out),
        cache: Cache::at(Storage::folder(&order.cache)),
        threads: order.threads,
    })
}

/// A pair with its main figure: the linear probe's in the dataset's own metric, or else the first there is.
fn finished(job: &Job, out: &Storage) -> Result<Pair, EvalError> {
    let outcome = Outcome::load(&job.place(out))?;
    let scores = outcome.map(|outcome| outcome.scores).unwrap_or_default();
    let main = scores.iter().find(|score| score.method == "linear").or(scores.first());
    let figure = main.map(|score| Figure {
        metric: score.metric.clone(),
        method: score.method.clone(),
        value: score.value,
        interval: score.interval,
    });
    Ok(Pair { status: PairStatus::Finished, figure, ..Pair::waiting(job) })
}

struct Teller<'a> {
    tell: &'a mut dyn FnMut(&Told),
    out: &'a Storage,
    step: String,
    of: usize,
    told: Option<Instant>,
}

impl Watch for Teller<'_> {
    fn begin(&mut self, step: &str, units: usize) {
        (self.step, self.of, self.told) = (step.to_owned(), units, None);
        self.done(0);
    }

    fn done(&mut self, units: usize) {
        if units >= self.of || self.told.is_none_or(|told| told.elapsed() >= BETWEEN_TELLINGS) {
            self.told = Some(Instant::now());
            (self.tell)(&Told::Step { step: self.step.clone(), done: units, of: self.of });
        }
    }
}

impl Follow for Teller<'_> {
    fn job(&mut self, job: &Job) {
        let (encoder, dataset) = (job.encoder.clone(), job.dataset.clone());
        (self.tell)(&Told::Began { encoder, dataset });
    }

    fn ended(&mut self, job: &Job, problem: Option<&EvalError>) {
        let failed = |problem: String| Pair {
            status: PairStatus::Failed,
            problem: Some(problem),
            ..Pair::waiting(job)
        };
        let pair = match problem {
            Some(error) => failed(error.to_string()),
            None => finished(job, self.out).unwrap_or_else(|error| failed(error.to_string())),
        };
        (self.tell)(&Told::Ended(pair));
    }
}
