//! The training encoder looked at now and then: kNN and linear probe, as `simclr-eval` judges.
//!
//! The test split is never touched. Judged are the pictures of the validation split or, where there is none, a seeded tenth
//! of train that the neighbours and the probe do not know. Nothing here changes what a run learns.

use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use simclr_datasets::{Dataset, Sample, Split, class_labels};
use simclr_eval::knn::Vote;
use simclr_eval::probe::sweep;
use simclr_eval::{Encoders, EvalError, Features, Neighbours, Probe, extract, hold_out, metrics};
use simclr_models::{Limits, Recipe, Weights};
use tch::Device;

use crate::checkpoint::descriptions;
use crate::recipe;
use crate::torch_encoder::TorchEncoder;
use crate::{TrainError, TrainRecipe};

/// Share of train that is judged where there is no validation split, and of the known pictures that chooses the penalty.
const SHARE: f64 = 0.1;
/// λ that the probe tries, as `simclr_eval::probe::penalties` are: coarser than an evaluation's, to be cheap.
const PENALTIES: [f64; 5] = [1e3, 1e2, 1e1, 1e0, 1e-1];

/// The pictures a run's encoder is looked at with.
#[derive(Debug)]
pub struct Monitor {
    how: recipe::Monitor,
    preprocessing: Recipe,
    network: simclr_models::Description,
    classes: Vec<String>,
    known: Vec<Sample>,
    /// Rows of `known` that the probe is fitted on while its penalty is chosen, and rows that choose it.
    rows: (Vec<usize>, Vec<usize>),
    judged: Vec<Sample>,
    judged_on: String,
    held_out: Vec<usize>,
    unreadable: usize,
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Weighted kNN top-1, in percent.
    pub knn: f64,
    /// The linear probe's top-1, in percent; absent where it was not asked for or did not converge.
    pub linear: Option<f64>,
    /// Neighbours that voted.
    pub neighbours: usize,
    /// Temperature of their vote.
    pub temperature: f64,
    /// Pictures the neighbours were sought among and the probe was fitted on.
    pub known: usize,
    /// Pictures judged.
    pub judged: usize,
    /// Which they are.
    pub judged_on: String,
    /// What it took.
    pub seconds: f64,
}

impl Monitor {
    /// Chooses the pictures, if the recipe asks for a monitor; every one is decoded once, unreadable ones are left out.
    ///
    /// # Errors
    /// When too few pictures or classes are left to judge by.
    pub fn new(dataset: &Dataset, recipe: &TrainRecipe) -> Result<Option<Self>, TrainError> {
        let Some(how) = recipe.monitor else { return Ok(None) };
        let (seed, classes) = (recipe.seed, dataset.classes.len());
        let train = dataset.split(Split::Train).unwrap_or_default();
        let (known, judged, held_out, judged_on) = match dataset.split(Split::Validation) {
            Some(validation) => {
                (train.to_vec(), validation.to_vec(), vec![], "the validation split".to_owned())
            }
            None => {
                let (kept, aside) = hold_out(&class_labels(train)?, classes, SHARE, seed);
                let pick = |rows: &[usize]| rows.iter().map(|&row| train[row].clone()).collect();
                let of_what = if recipe.objective.needs_labels() {
                    "training"
                } else {
                    "neighbours and probe, not of pretraining, which reads no label"
                };
                let judged_on = format!("a tenth of train (seed {seed}), held out of {of_what}");
                (pick(&kept), pick(&aside), aside, judged_on)
            }
        };
        let known = capped(known, classes, how.pictures, seed)?;
        let judged = capped(judged, classes, how.pictures, seed)?;
        let all = known.len() + judged.len();
        let (known, judged) = (readable(known), readable(judged));
        let rows = hold_out(&class_labels(&known)?, classes, SHARE, seed.wrapping_add(1));
        if classes < 2 || judged.is_empty() || rows.0.is_empty() || rows.1.is_empty() {
            let (known, judged) = (known.len(), judged.len());
            return Err(TrainError::Recipe(format!(
                "monitor: {classes} classes with {known} known and {judged} judged pictures cannot be judged by; \
                 give at least two classes of at least three pictures, or leave [monitor] out"
            )));
        }
        Ok(Some(Self {
            how,
            preprocessing: recipe.preprocessing(),
            network: descriptions(recipe)?.0,
            classes: dataset.classes.clone(),
            unreadable: all - known.len() - judged.len(),
            known,
            rows,
            judged,
            judged_on,
            held_out: if recipe.objective.needs_labels() { held_out } else { vec![] },
        }))
    }

    /// Places in the training split that must be left out of training, because its objective reads labels.
    pub fn held_out(&self) -> &[usize] {
        &self.held_out
    }

    /// Epochs between two looks.
    pub(crate) fn every_epochs(&self) -> u64 {
        self.how.every_epochs
    }

    /// What it will judge on, for a person.
    pub fn describe(&self) -> String {
        let (known, judged) = (self.known.len(), self.judged.len());
        let unreadable = if self.unreadable == 0 {
            String::new()
        } else {
            format!("; {} more cannot be read", self.unreadable)
        };
        format!("{known} pictures known, {judged} judged: {}{unreadable}", self.judged_on)
    }

    /// Looks at an encoder's weights.
    ///
    /// # Errors
    /// When a picture can no longer be read or an embedding is not finite.
    pub fn look(&self, weights: &Weights, device: Device) -> Result<Look, TrainError> {
        let started = Instant::now();
        let mut encoders = Encoders::one(TorchEncoder::new(self.network.clone(), weights, device)?);
        let mut embed = |samples: &[Sample]| {
            extract(&mut encoders, &self.preprocessing, samples, &Limits::default(), &mut |_| {})
        };
        let (known, judged) = (embed(&self.known)?, embed(&self.judged)?);
        let neighbours = self.how.neighbours.min(known.len());
        let temperature = self.how.temperature;
        let votes = Neighbours::find(&known, &judged, neighbours, &mut |_| {})?.votes(
            self.classes.len(),
            neighbours,
            Vote::Weighted { temperature },
        );
        let linear = if self.how.probe { self.linear(&known, &judged)? } else { None };
        Ok(Look {
            knn: top_1(&votes, &judged)?,
            linear,
            neighbours,
            temperature,
            known: known.len(),
            judged: judged.len(),
            judged_on: self.judged_on.clone(),
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// None when the fit does not converge, as on an encoder whose features have collapsed.
    fn linear(&self, known: &Features, judged: &Features) -> Result<Option<f64>, TrainError> {
        let rows = (self.rows.0.as_slice(), self.rows.1.as_slice());
        let fitted = match sweep(known, rows, self.classes.len(), &PENALTIES, &mut |_| {}) {
            Err(EvalError::NotConverged { .. }) => return Ok(None),
            fitted => fitted?,
        };
        let probe = Probe::new("monitor", "", &self.classes, "", &fitted);
        let guesses: Vec<Vec<f32>> =
            (0..judged.len()).map(|row| probe.predict(judged.row(row))).collect::<Result<_, _>>()?;
        Ok(Some(top_1(&guesses, judged)?))
    }
}

fn top_1(rows: &[Vec<f32>], judged: &Features) -> Result<f64, TrainError> {
    let labels = judged.labels.classes()?.iter().copied();
    Ok(metrics::top_k(rows.iter().map(Vec::as_slice).zip(labels), 1))
}

/// About `most` of the samples, the same share of every class; all, where there are no more.
fn capped(samples: Vec<Sample>, classes: usize, most: usize, seed: u64) -> Result<Vec<Sample>, TrainError> {
    if samples.len() <= most {
        return Ok(samples);
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let share = most as f64 / samples.len() as f64;
    let (_, chosen) = hold_out(&class_labels(&samples)?, classes, share, seed.wrapping_add(2));
    Ok(chosen.into_iter().map(|row| samples[row].clone()).collect())
}

fn readable(samples: Vec<Sample>) -> Vec<Sample> {
    samples.into_par_iter().filter(|sample| sample.load(&Limits::default()).is_ok()).collect()
}
