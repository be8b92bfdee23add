//! Scores as a file for programs and a table for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::{EvalError, ProbeRecord, Score, Storage};

/// What one run measured, and the command that repeats it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The command.
    pub command: String,
    /// Name and version of the program.
    pub program: String,
    /// Of the samples set aside.
    pub seed: u64,
    /// The numbers, in percent.
    pub scores: Vec<Score>,
    /// How the probes came about.
    pub probes: Vec<ProbeRecord>,
}

impl Report {
    /// Writes `scores.json` and `report.md`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn save(&self, out: &Storage) -> Result<(), EvalError> {
        let json =
            serde_json::to_string_pretty(self).map_err(|e| EvalError::result(out, "scores.json", &e))?;
        out.write("scores.json", (json + "\n").as_bytes())?;
        out.write("report.md", self.page().as_bytes())
    }

    /// The whole page: tables, penalties, command.
    fn page(&self) -> String {
        let mut page = format!("# Evaluation\n\n{}", table(&self.scores));
        for probe in &self.probes {
            let edge = if probe.is_at_the_edge {
                " (at the edge of the grid: a better one may lie beyond)"
            } else {
                ""
            };
            let _ = writeln!(
                page,
                "- probe of {} on {}: λ = {:.3e}{edge}, C = {:.3e} for {} rows; gradient {:.1e} after {} evaluations",
                probe.encoder,
                probe.data,
                probe.penalty,
                probe.sklearn_c,
                probe.rows,
                probe.gradient,
                probe.evaluations
            );
        }
        let _ = writeln!(page, "\n`{}` ({}, seed {})", self.command, self.program, self.seed);
        page
    }
}

/// One Markdown table a dataset and split: a row an encoder, a column a method and metric.
pub fn table(scores: &[Score]) -> String {
    let mut text = String::new();
    let parts: BTreeSet<_> = scores.iter().map(|s| (&s.data, &s.split, s.pictures)).collect();
    for (data, split, pictures) in parts {
        let here: Vec<&Score> =
            scores.iter().filter(|s| (&s.data, &s.split, s.pictures) == (data, split, pictures)).collect();
        let columns = in_order(here.iter().map(|s| (s.method.as_str(), s.metric.as_str())));
        let _ = writeln!(text, "{data}, {split}, {pictures} pictures, percent:\n");
        let heads: Vec<String> =
            columns.iter().map(|(method, metric)| format!("{method} {metric}")).collect();
        let _ = writeln!(text, "| encoder | {} |\n|---|{}", heads.join(" | "), "---|".repeat(columns.len()));
        for encoder in in_order(here.iter().map(|s| s.encoder.as_str())) {
            let cell = |column: &(&str, &str)| {
                let score = here
                    .iter()
                    .rev()
                    .find(|s| s.encoder == encoder && (s.method.as_str(), s.metric.as_str()) == *column);
                score.map_or_else(|| "–".to_owned(), |s| format!("{:.2}", s.value))
            };
            let cells: Vec<String> = columns.iter().map(cell).collect();
            let _ = writeln!(text, "| {encoder} | {} |", cells.join(" | "));
        }
        text.push('\n');
    }
    text
}

/// Each value once, where it first came.
fn in_order<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(encoder: &str, method: &str, value: f64) -> Score {
        Score {
            encoder: encoder.to_owned(),
            data: "folder".to_owned(),
            split: "test".to_owned(),
            method: method.to_owned(),
            metric: "top-1".to_owned(),
            value,
            pictures: 7,
            interval: None,
        }
    }

    #[test]
    fn one_row_an_encoder_and_a_dash_where_nothing_was_measured() {
        let scores = [score("b", "linear", 12.345), score("b", "knn", 1.0), score("a", "linear", 100.0)];
        let expected = "folder, test, 7 pictures, percent:\n\n| encoder | linear top-1 | knn top-1 |\n|---|---|---|\n\
                        | b | 12.35 | 1.00 |\n| a | 100.00 | – |\n\n";
        assert_eq!(table(&scores), expected.replace("12.35", &format!("{:.2}", 12.345)));
    }

    #[test]
    fn saved_for_programs_and_people() {
        let folder = tempfile::tempdir().unwrap();
        let report = Report {
            command: "simclr-eval run".to_owned(),
            program: "simclr-eval 0".to_owned(),
            seed: 3,
            scores: vec![score("a", "linear", 33.3)],
            probes: vec![],
        };
        report.save(&Storage::folder(folder.path())).unwrap();
        let json = std::fs::read(folder.path().join("scores.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Report>(&json).unwrap(), report);
        assert!(std::fs::read_to_string(folder.path().join("report.md")).unwrap().contains("| a | 33.30 |"));
    }
}
