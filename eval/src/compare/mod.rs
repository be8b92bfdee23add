//! Is one encoder better than another on a dataset, or do test pictures happen to favour it? Two outcomes of the same test
//! pictures in, numbers and p-values out (the paper's appendix B.8 and the bold figures of its table 8).

mod places;
mod significance;

use serde::{Deserialize, Serialize};
use simclr_datasets::{Mark, Metric};

pub use places::{Compared, compare_places};
pub use significance::{mcnemar, permutation_test};

use crate::metrics::place;
use crate::{EvalError, Labels, Outcome, Predictions};

/// Permutations of the paper.
pub const PERMUTATIONS: usize = 100_000;
/// Differences with a larger p-value are not significant.
pub const SIGNIFICANT: f64 = 0.05;

/// Two encoders' linear probes on one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The dataset's name.
    pub dataset: String,
    /// What the probes are judged by.
    pub metric: String,
    /// The first encoder's number, in percent.
    pub a: f64,
    /// The second's.
    pub b: f64,
    /// Test pictures.
    pub pictures: usize,
    /// What the permutation test is on: `top-1`, `mean per class` or, for marks, `accuracy`.
    pub tested: String,
    /// The permutation test's p-value.
    pub p: f64,
    /// McNemar's exact p-value, of top-1 where pictures have one class.
    pub mcnemar: Option<f64>,
    /// Whether the first is best or not significantly worse than the best (bold in the paper's table 8).
    pub a_is_bold: bool,
    /// The same of the second.
    pub b_is_bold: bool,
}

/// Compares two outcomes of one dataset with what was predicted and the pictures' names.
///
/// # Errors
/// When the outcomes are not of the same test pictures, or one has no linear probe.
pub fn compare(
    (a, in_a, names_a): (&Outcome, &Predictions, &[String]),
    (b, in_b, names_b): (&Outcome, &Predictions, &[String]),
    seed: u64,
) -> Result<Comparison, EvalError> {
    let refuse = |problem: &str| Err(EvalError::Labels(format!("{}: {problem}", a.dataset)));
    if a.dataset != b.dataset
        || names_a != names_b
        || in_a.labels != in_b.labels
        || in_a.classes != in_b.classes
    {
        return refuse(
            "the two outcomes are not of the same test pictures; run both encoders on the same data",
        );
    }
    let linear = |outcome: &Outcome| {
        outcome.scores.iter().find(|score| score.method == "linear").map(|s| (s.metric.clone(), s.value))
    };
    let (Some((metric, of_a)), Some((_, of_b)), true) = (linear(a), linear(b), in_a.classes > 0) else {
        return refuse("both encoders need a linear probe; run with --method linear");
    };
    let (tested, differences) = differences(in_a, in_b, &metric);
    let p = permutation_test(&differences, PERMUTATIONS, seed);
    let exact = match in_a.labels {
        Labels::Classes(_) => {
            let count = |sign: f64| differences.iter().filter(|d| **d * sign > 0.0).count();
            Some(mcnemar(count(1.0), count(-1.0)))
        }
        Labels::Marks { .. } => None,
    };
    Ok(Comparison {
        dataset: a.dataset.clone(),
        metric,
        a: of_a,
        b: of_b,
        pictures: in_a.labels.len(),
        tested: tested.to_owned(),
        p,
        mcnemar: exact,
        a_is_bold: of_a >= of_b || p > SIGNIFICANT,
        b_is_bold: of_b >= of_a || p > SIGNIFICANT,
    })
}

/// For each picture, the first's share in the metric less the second's.
fn differences(a: &Predictions, b: &Predictions, metric: &str) -> (&'static str, Vec<f64>) {
    let classes = a.classes;
    let rows = a.scores.chunks_exact(classes).zip(b.scores.chunks_exact(classes));
    match &a.labels {
        Labels::Classes(labels) => {
            let hit = |row: &[f32], label: usize| if place(row, label) == 0 { 1.0 } else { 0.0 };
            let hits = rows.zip(labels).map(|((a, b), label)| hit(a, *label) - hit(b, *label));
            if metric != Metric::MeanPerClass.to_string() {
                return ("top-1", hits.collect());
            }
            // A picture of a small class has a larger share.
            let mut counts = vec![0.0_f64; classes];
            labels.iter().for_each(|label| counts[*label] += 1.0);
            ("mean per class", hits.zip(labels).map(|(hit, label)| hit / counts[*label]).collect())
        }
        Labels::Marks { marks, .. } => {
            let rows = rows.zip(marks.chunks_exact(classes));
            ("accuracy", rows.map(|((a, b), marks)| accuracy(a, marks) - accuracy(b, marks)).collect())
        }
    }
}

/// The share of a picture's marks, difficult ones left out, on whose side the probability is.
fn accuracy(probabilities: &[f32], marks: &[Mark]) -> f64 {
    let (mut right, mut all) = (0.0, 0.0);
    for (&probability, mark) in probabilities.iter().zip(marks) {
        if *mark != Mark::Difficult {
            all += 1.0;
            right += if (probability > 0.5) == (*mark == Mark::Present) { 1.0 } else { 0.0 };
        }
    }
    if all > 0.0 { right / all } else { 0.0 }
}

/// The comparisons as a Markdown table, significantly best figures in bold.
pub fn comparison_table(names: (&str, &str), rows: &[Comparison]) -> String {
    let mut text = format!(
        "| dataset | metric | pictures | {} | {} | p (permutation) | p (McNemar) |\n|---|---|---|---|---|---|---|\n",
        names.0, names.1
    );
    for row in rows {
        let bold =
            |value: f64, is_bold| if is_bold { format!("**{value:.2}**") } else { format!("{value:.2}") };
        let exact = row.mcnemar.map_or("–".to_owned(), probability);
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {exact} |\n",
            row.dataset,
            row.metric,
            row.pictures,
            bold(row.a, row.a_is_bold),
            bold(row.b, row.b_is_bold),
            probability(row.p)
        );
    }
    text
}

fn probability(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

#[cfg(test)]
mod tests;
