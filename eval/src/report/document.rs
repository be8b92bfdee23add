//! The report as data: what the JSON holds, and what Markdown and page are made from. Its schema is docs/report.schema.json.

use serde::Serialize;
use simclr_datasets::{CATALOG, entry};

use super::confusion::{ClassResult, Confused, Confusion};
use super::fine_tuned::FineTuned;
use super::gather::Result;
use super::published::{LINEAR, SOURCE};
use super::versus::{Versus, versus};
use crate::{Broken, Count, Counts, ProbeRecord, Score};

/// What the JSON begins with.
const FORMAT: &str = "simclr-report-1";
/// Pairs of classes listed at most.
const CONFUSED: usize = 12;

/// Everything a report says, sorted, without times and without places on a machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Always `simclr-report-1`.
    pub format: &'static str,
    /// Encoders, by name.
    pub encoders: Vec<String>,
    /// Datasets, in the catalog's order.
    pub datasets: Vec<DatasetRow>,
    /// One entry an encoder and dataset.
    pub results: Vec<Entry>,
    /// Encoder against encoder on the same pictures.
    pub(crate) comparisons: Vec<Versus>,
    /// What fine-tuning came to, as it was given.
    pub fine_tuned: Vec<FineTuned>,
    /// Where published figures are from.
    pub published_source: &'static str,
    /// Published figures on the datasets of this report.
    pub(crate) published: Vec<Cited>,
}

/// A dataset of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetRow {
    /// Its name in the catalog.
    pub name: String,
    /// The name people use.
    pub title: String,
    /// What it is judged by.
    pub metric: String,
}

/// What one encoder got on one dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The encoder's name.
    pub encoder: String,
    /// The space of its embeddings.
    pub space_key: String,
    /// The dataset's name.
    pub dataset: String,
    /// Hash of what was judged and how.
    pub fingerprint: String,
    /// What the judged pictures are called.
    pub split: String,
    /// Number of classes.
    pub classes: usize,
    /// Pictures used, and officially there, by split.
    pub pictures: Counts,
    /// Every number, in percent.
    pub scores: Vec<Score>,
    /// How the probe came about.
    pub probe: Option<ProbeRecord>,
    /// How each class fared; empty where pictures show several.
    pub(crate) by_class: Vec<ClassResult>,
    /// The pairs most often confused.
    pub(crate) confused: Vec<Confused>,
    /// Pictures that could not be read.
    pub broken: Vec<Broken>,
}

/// A published figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Cited {
    pub(crate) name: &'static str,
    pub(crate) dataset: String,
    pub(crate) value: f64,
}

impl Document {
    /// Of results as [`super::gather`] gives them.
    pub fn of(results: &[Result]) -> Self {
        let mut encoders: Vec<String> = results.iter().map(|r| r.outcome.encoder.clone()).collect();
        encoders.sort();
        encoders.dedup();
        let mut names: Vec<&str> = results.iter().map(|r| r.outcome.dataset.as_str()).collect();
        names.dedup();
        let cited = names.iter().flat_map(|&dataset| {
            LINEAR.iter().filter_map(move |row| {
                row.on(dataset).map(|value| Cited { name: row.name, dataset: dataset.to_owned(), value })
            })
        });
        Self {
            format: FORMAT,
            encoders,
            published_source: SOURCE,
            published: cited.collect(),
            datasets: names.into_iter().map(dataset_row).collect(),
            comparisons: versus(results),
            fine_tuned: Vec::new(),
            results: results.iter().map(entry_of).collect(),
        }
    }

    /// The same with what fine-tuning came to, by dataset.
    #[must_use]
    pub fn with_fine_tuned(mut self, mut all: Vec<FineTuned>) -> Self {
        all.sort_by(|a, b| {
            (&a.dataset, &a.start).cmp(&(&b.dataset, &b.start)).then(a.labels.total_cmp(&b.labels))
        });
        self.fine_tuned = all;
        self
    }

    /// What an encoder got on a dataset.
    pub fn entry(&self, encoder: &str, dataset: &str) -> Option<&Entry> {
        self.results.iter().find(|entry| entry.encoder == encoder && entry.dataset == dataset)
    }

    /// The JSON, byte for byte the same for the same outcomes.
    ///
    /// # Errors
    /// When a number cannot be written, which no outcome holds.
    pub fn json(&self) -> std::result::Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Every method and metric that some entry has a number for, in the order of their first.
pub(super) fn measured<'a>(entries: &[&'a Entry]) -> Vec<(&'a str, &'a str)> {
    let mut columns = Vec::new();
    for score in entries.iter().flat_map(|entry| &entry.scores) {
        let column = (score.method.as_str(), score.metric.as_str());
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

impl Entry {
    /// The number by that method in that metric.
    pub(super) fn score(&self, method: &str, metric: &str) -> Option<&Score> {
        self.scores.iter().find(|score| score.method == method && score.metric == metric)
    }

    /// How many pictures it was judged on, of how many; the split that was judged on, where the dataset has it.
    pub fn judged(&self) -> Option<Count> {
        match self.split.as_str() {
            "test" => self.pictures.test,
            "validation" => self.pictures.validation,
            _ => None,
        }
    }

    /// The linear probe's number in the dataset's own metric, or else the neighbours'.
    pub fn main_score(&self) -> Option<&Score> {
        let metric = metric_of(&self.dataset);
        let own = |s: &&Score| metric.is_empty() || s.metric == metric;
        let linear = self.scores.iter().filter(|s| s.method == "linear").find(own);
        linear.or_else(|| self.scores.iter().find(own)).or(self.scores.first())
    }
}

fn metric_of(dataset: &str) -> String {
    entry(dataset).map(|row| row.metric.to_string()).unwrap_or_default()
}

fn dataset_row(name: &str) -> DatasetRow {
    let row = CATALOG.iter().find(|entry| entry.name == name);
    let title = row.map_or(name, |entry| entry.title);
    DatasetRow { name: name.to_owned(), title: title.to_owned(), metric: metric_of(name) }
}

fn entry_of(result: &Result) -> Entry {
    let outcome = &result.outcome;
    let confusion = Confusion::of(&result.predictions, outcome.classes.len());
    let by_class = confusion.as_ref().map(|c| c.by_class(&outcome.classes));
    let confused = confusion.as_ref().map(|c| c.most_confused(&outcome.classes, CONFUSED));
    Entry {
        encoder: outcome.encoder.clone(),
        space_key: outcome.space_key.clone(),
        dataset: outcome.dataset.clone(),
        fingerprint: outcome.fingerprint.clone(),
        split: outcome.split_name.clone(),
        classes: outcome.classes.len(),
        pictures: outcome.pictures.clone(),
        scores: outcome.scores.clone(),
        probe: outcome.probe.clone(),
        by_class: by_class.unwrap_or_default(),
        confused: confused.unwrap_or_default(),
        broken: outcome.broken.clone(),
    }
}
