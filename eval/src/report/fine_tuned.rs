//! What fine-tuning came to, as `simclr-train finetune` leaves it, told beside what probes of the same encoders came to.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::document::DatasetRow;
use super::markdown;
use super::page::{Row, escape, table};
use super::published::FINE_TUNED;
use crate::{EvalError, Storage};

const FILE: &str = "finetune.json";

/// One fine-tuning, judged on the test pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FineTuned {
    /// The dataset's name in the catalog.
    #[serde(alias = "data")]
    pub dataset: String,
    /// The weights it began at.
    pub start: String,
    /// Share of the labels that was used.
    pub labels: f64,
    /// Labelled pictures: training and validation.
    pub pictures: usize,
    /// Pictures it was judged on.
    pub test_pictures: usize,
    /// Top-1 on them, in percent.
    pub top_1: f64,
    /// What the dataset is judged by; fine-tunings of before it was told have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// That on them, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

impl FineTuned {
    /// What lies in the folder of a fine-tuning.
    ///
    /// # Errors
    /// When no fine-tuning has ended there, or its file is not one.
    pub fn load(folder: &Storage) -> Result<Self, EvalError> {
        let missing = "is missing: name the --out of a `simclr-train finetune` that has ended";
        let bytes = folder.read(FILE)?.ok_or_else(|| EvalError::result(folder, FILE, &missing))?;
        serde_json::from_slice(&bytes).map_err(|e| EvalError::result(folder, FILE, &e))
    }

    /// What the paper's ResNet-50 1× came to by all labels, in the dataset's own metric; only accuracy can stand beside it.
    fn published(&self) -> Option<f64> {
        FINE_TUNED.on(&self.dataset).filter(|_| self.labels >= 1.0)
    }

    /// Top-1, and the dataset's own metric where it is another.
    fn accuracy(&self) -> String {
        let own = self.metric.as_deref().zip(self.score).filter(|(metric, _)| *metric != "top-1");
        let own = own.map_or_else(String::new, |(metric, score)| format!(" ({score:.2} {metric})"));
        format!("{:.2}{own}", self.top_1)
    }

    fn cells(&self, datasets: &[DatasetRow]) -> [String; 7] {
        let title =
            datasets.iter().find(|row| row.name == self.dataset).map_or(&self.dataset, |row| &row.title);
        [
            title.clone(),
            self.start.clone(),
            format!("{} %", self.labels * 100.0),
            self.pictures.to_string(),
            self.test_pictures.to_string(),
            self.accuracy(),
            self.published().map_or_else(|| "–".to_owned(), |value| format!("{value:.1}")),
        ]
    }
}

/// The table's heads.
fn heads() -> [String; 7] {
    let published = format!("{}, published", FINE_TUNED.name);
    let heads = ["dataset", "began at", "labels", "pictures", "judged on", "top-1", &published];
    heads.map(str::to_owned)
}

/// A section of Markdown; empty where nothing was fine-tuned.
pub(super) fn in_markdown(all: &[FineTuned], datasets: &[DatasetRow]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut text =
        format!("## Fine-tuned\n\n| {} |\n|---|---|---:|---:|---:|---:|---:|\n", heads().join(" | "));
    for one in all {
        let cells = one.cells(datasets).map(|cell| markdown::escape(&cell));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push('\n');
    text
}

/// A section of the page; empty where nothing was fine-tuned.
pub(super) fn in_html(all: &[FineTuned], datasets: &[DatasetRow]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let row =
        |one: &FineTuned| Row { class: None, cells: one.cells(datasets).map(|cell| escape(&cell)).to_vec() };
    let rows: Vec<Row> = all.iter().map(row).collect();
    format!(
        "<h2 id=\"fine-tuned\">Fine-tuned</h2>\n<p class=\"soft\">Every weight fitted further on labelled pictures; percent of the test \
         pictures.</p>\n{}",
        table("", &heads(), &rows)
    )
}
