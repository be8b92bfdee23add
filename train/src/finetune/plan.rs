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
        choices.check()?;
        table.insert("objective".into(), Value::Table(supervised(classes)));
        if let Start::Run(checkpoint) = &start {
            let run = TrainRecipe::parse(&checkpoint.recipe_text)?;
            inherit(&mut table, &run, choices.head_layers)?;
        } else if choices.head_layers > 0 {
            return Err(wrong("finetune.head_layers needs a run to take them from".into()));
        }
        let plan = Self { choices, start, table };
        plan.recipe(plan.choices.rates[0], plan.choices.decays[0])?;
        Ok(plan)
    }

    /// A recipe's text at one choice of rate and decay.
    pub(super) fn text(&self, rate: f64, decay: f64) -> Result<String, TrainError> {
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

    /// A run of that recipe before its first step, at the weights where the fine-tuning begins.
    ///
    /// # Errors
    /// When the weights are another network's.
    pub(super) fn checkpoint(&self, rate: f64, decay: f64) -> Result<Checkpoint, TrainError> {
        let text = self.text(rate, decay)?;
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
    fn check(&self) -> Result<(), TrainError> {
        let rules = [
            (self.labels > 0.0 && self.labels <= 1.0, "finetune.labels must be above 0 and at most 1"),
            (!self.rates.is_empty(), "finetune.rates must hold at least one rate"),
            (!self.decays.is_empty(), "finetune.decays must hold at least one decay"),
        ];
        let broken: Vec<&str> = rules.iter().filter(|(holds, _)| !holds).map(|(_, rule)| *rule).collect();
        if broken.is_empty() { Ok(()) } else { Err(TrainError::Recipe(broken.join("\n  "))) }
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
