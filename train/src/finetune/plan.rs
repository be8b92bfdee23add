//! A fine-tuning as a file: a training recipe, and under `[finetune]` what is chosen from.

use serde::{Deserialize, Serialize};
use simclr_models::{HeadLayers, Weights};
use toml::{Table, Value};

use crate::checkpoint::{Checkpoint, descriptions};
use crate::recipe::over;
use crate::{TrainError, TrainRecipe};

/// Where a fine-tuning begins.
#[derive(Debug, Clone)]
pub enum Start {
    /// At a pretrained run's weights.
    Run(Box<Checkpoint>),
    /// At random weights of the recipe's own encoder, for comparison.
    Random,
}

/// What a fine-tuning's file says beyond a training recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choices {
    /// Share of every class's pictures whose labels are used: 1, or 0.1 and 0.01 for semi-supervised learning (§B.5).
    pub labels: f64,
    /// Learning rates for a batch of 256 to choose from.
    pub rates: Vec<f64>,
    /// Weight decays to choose from.
    pub decays: Vec<f64>,
    /// Layers of the projection head that stay, under the classifier: 0 in the paper, 1 in SimCLRv2.
    #[serde(default)]
    pub head_layers: usize,
    /// Steps of every run, made up to whole epochs, where the schedule says no epochs: 20,000 in the paper's transfer (§B.8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Whether decays are divided by the rate, as in the paper's transfer (§B.8).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decays_over_rate: bool,
}

/// A fine-tuning, ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is chosen from.
    pub choices: Choices,
    start: Start,
    table: Table,
}

impl Plan {
    /// Reads a fine-tuning's TOML text for a dataset of `classes` classes; `labels` replaces its share of labels.
    ///
    /// # Errors
    /// With everything that is wrong, or when the recipe's encoder is not the run's.
    pub fn parse(text: &str, start: Start, classes: usize, labels: Option<f64>) -> Result<Self, TrainError> {
        let wrong = |reason: String| TrainError::Recipe(reason);
        let mut table: Table = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let choices = table.remove("finetune").ok_or_else(|| wrong("[finetune] is missing".into()))?;
        let mut choices: Choices =
            choices.try_into().map_err(|error: toml::de::Error| wrong(format!("finetune: {error}")))?;
        choices.labels = labels.unwrap_or(choices.labels);
        if choices.steps.is_some() {
            claim_epochs(&mut table)?;
        }
        table.insert("objective".into(), Value::Table(supervised(classes)));
        if let Start::Run(checkpoint) = &start {
            let run = TrainRecipe::parse(&checkpoint.recipe_text)?;
            inherit(&mut table, &run, choices.head_layers)?;
        } else if choices.head_layers > 0 {
            return Err(wrong("finetune.head_layers needs a run to take them from".into()));
        }
        let plan = Self { choices, start, table };
        let mut broken: Vec<String> = plan.choices.broken().into_iter().map(str::to_owned).collect();
        // Rates and decays are all that sets choices apart, so that any one of them tells what else is wrong.
        if let Some(&(rate, decay)) = plan.choices.grid().first()
            && let Err(TrainError::Recipe(reason)) = plan.recipe(rate, decay)
        {
            broken.push(reason);
        }
        if broken.is_empty() { Ok(plan) } else { Err(wrong(broken.join("\n  "))) }
    }

    /// A recipe's text at one choice of rate and decay.
    pub(super) fn text(&self, rate: f64, decay: f64) -> Result<String, TrainError> {
        let decay = if self.choices.decays_over_rate { decay / rate } else { decay };
        let chosen = |key: &str, value: f64| Table::from_iter([(key.to_owned(), Value::Float(value))]);
        let changes = Table::from_iter([
            ("schedule".to_owned(), Value::Table(chosen("rate_per_256", rate))),
            ("optimiser".to_owned(), Value::Table(chosen("weight_decay", decay))),
        ]);
        toml::to_string(&over(self.table.clone(), changes))
            .map_err(|error| TrainError::Recipe(error.to_string()))
    }

    /// The recipe at one choice of rate and decay.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn recipe(&self, rate: f64, decay: f64) -> Result<TrainRecipe, TrainError> {
        TrainRecipe::parse(&self.text(rate, decay)?)
    }

    /// The same as long as it is to be on so many pictures.
    fn text_on(&self, pictures: usize, (rate, decay): (f64, f64)) -> Result<String, TrainError> {
        let text = self.text(rate, decay)?;
        let Some(steps) = self.choices.steps else { return Ok(text) };
        let steps_per_epoch = (pictures / TrainRecipe::parse(&text)?.batch).max(1) as u64;
        let mut table: Table =
            toml::from_str(&text).map_err(|error| TrainError::Recipe(error.to_string()))?;
        set_epochs(&mut table, steps.div_ceil(steps_per_epoch));
        toml::to_string(&table).map_err(|error| TrainError::Recipe(error.to_string()))
    }

    /// A run of that recipe on so many pictures before its first step, at the weights where the fine-tuning begins.
    ///
    /// # Errors
    /// When the weights are another network's.
    pub(super) fn checkpoint(&self, pictures: usize, choice: (f64, f64)) -> Result<Checkpoint, TrainError> {
        let text = self.text_on(pictures, choice)?;
        let fresh = Checkpoint::start(&text)?;
        let Start::Run(run) = &self.start else {
            return Ok(fresh);
        };
        let (description, _) = descriptions(&TrainRecipe::parse(&text)?)?;
        let tensors = run.encoder.tensors().iter().chain(run.head.tensors());
        let kept = tensors.take(description.params().len()).cloned().collect();
        Ok(Checkpoint { encoder: Weights::check(&description, kept)?, ..fresh })
    }

    /// Everything that decides its runs, as text.
    pub(super) fn whole(&self) -> Result<String, TrainError> {
        let choices =
            toml::to_string(&self.choices).map_err(|error| TrainError::Recipe(error.to_string()))?;
        let recipe = self.text(self.choices.rates[0], self.choices.decays[0])?;
        Ok(format!("# From {}\n[finetune]\n{choices}\n# The first choice\n{recipe}", self.start()))
    }

    /// What the weights were before, for people.
    pub fn start(&self) -> String {
        match &self.start {
            Start::Random => "random weights".into(),
            Start::Run(run) => {
                let name = TrainRecipe::parse(&run.recipe_text).map_or_else(|_| "a run".into(), |r| r.name);
                format!("{name} after {} epochs", run.epochs_done)
            }
        }
    }
}

impl Choices {
    /// What is wrong with them, every rate and decay looked at.
    fn broken(&self) -> Vec<&'static str> {
        let is_rate = |rate: &f64| rate.is_finite() && *rate > 0.0;
        let is_decay = |decay: &f64| decay.is_finite() && *decay >= 0.0;
        let rules = [
            (self.labels > 0.0 && self.labels <= 1.0, "finetune.labels must be above 0 and at most 1"),
            (!self.rates.is_empty(), "finetune.rates must hold at least one rate"),
            (!self.decays.is_empty(), "finetune.decays must hold at least one decay"),
            (self.rates.iter().all(is_rate), "finetune.rates must all be above 0"),
            (self.decays.iter().all(is_decay), "finetune.decays must not be negative"),
            (self.steps != Some(0), "finetune.steps must be above 0"),
        ];
        rules.iter().filter(|(holds, _)| !holds).map(|(_, rule)| *rule).collect()
    }

    /// Every pair of rate and decay.
    pub(super) fn grid(&self) -> Vec<(f64, f64)> {
        self.rates.iter().flat_map(|&rate| self.decays.iter().map(move |&decay| (rate, decay))).collect()
    }
}

fn supervised(classes: usize) -> Table {
    let classes = i64::try_from(classes).unwrap_or(i64::MAX);
    Table::from_iter([
        ("kind".to_owned(), Value::String("supervised".into())),
        ("classes".to_owned(), Value::Integer(classes)),
    ])
}

/// Makes room for epochs that follow from steps; refuses a file that says both.
fn claim_epochs(table: &mut Table) -> Result<(), TrainError> {
    if table.get("schedule").and_then(|schedule| schedule.get("epochs")).is_some() {
        return Err(TrainError::Recipe("give finetune.steps or schedule.epochs, not both".into()));
    }
    set_epochs(table, 1);
    Ok(())
}

fn set_epochs(table: &mut Table, epochs: u64) {
    let epochs = Value::Integer(i64::try_from(epochs).unwrap_or(i64::MAX));
    let schedule = Table::from_iter([(
        "schedule".to_owned(),
        Value::Table(Table::from_iter([("epochs".to_owned(), epochs)])),
    )]);
    *table = over(std::mem::take(table), schedule);
}

/// Writes the run's encoder, and the layers of its head that stay, into the recipe.
fn inherit(table: &mut Table, run: &TrainRecipe, head_layers: usize) -> Result<(), TrainError> {
    let value = |part: &dyn Fn() -> Result<Value, toml::ser::Error>| {
        part().map_err(|error| TrainError::Recipe(error.to_string()))
    };
    let encoder = value(&|| Value::try_from(run.encoder))?;
    if table.get("encoder").is_some_and(|own| *own != encoder) {
        return Err(TrainError::Recipe("[encoder] is not the run's; leave it out".into()));
    }
    table.insert("encoder".into(), encoder);
    table.insert("head".into(), value(&|| Value::try_from(run.head))?);
    if head_layers > 0 {
        let kept = HeadLayers { layers: head_layers, head: run.head };
        table.insert("kept_head".into(), value(&|| Value::try_from(kept))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
