//! How good scores are: rows of scores and their labels in, percentages with 95 % intervals out. Knows neither encoders nor
//! where the scores come from.

mod bootstrap;
mod precision;

use serde::{Deserialize, Serialize};
use simclr_datasets::Metric;

pub use bootstrap::{Bootstrap, Statistic};
pub use precision::{DifficultRule, Ranking, Recall, mean_average_precision};

use crate::{EvalError, Labels};

/// Bins of the calibration error.
const BINS: usize = 15;

/// One metric of some scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Such as `top-1`.
    pub metric: String,
    /// The number, in percent.
    pub value: f64,
    /// The bootstrap's 95 % interval over the rows.
    pub interval: [f64; 2],
}

/// Everything that is reported of `scores` (rows × classes, row-major), the dataset's own metric first.
///
/// Of classes: top-1, mean per class, top-5 beyond five classes, and the calibration error where scores are probabilities.
/// Of marks: mean average precision at eleven and at all recalls, difficult ignored and as negative. Classes without a row
/// (or without a positive) do not count.
///
/// # Errors
/// When there are no rows, or scores and labels do not fit.
pub fn measure(
    scores: &[f32],
    labels: &Labels,
    classes: usize,
    first: Metric,
    are_probabilities: bool,
    bootstrap: Bootstrap,
) -> Result<Vec<Measured>, EvalError> {
    if labels.is_empty() || scores.len() != labels.len() * classes {
        let (numbers, rows) = (scores.len(), labels.len());
        return Err(EvalError::TooFew(format!(
            "{numbers} scores do not judge {rows} rows of {classes} classes"
        )));
    }
    let mut statistics = match labels {
        Labels::Classes(labels) => of_classes(scores, labels, classes, are_probabilities),
        Labels::Marks { marks, .. } => {
            let ranked = |difficult| precision::rankings(scores, marks, classes, difficult);
            let (ignored, negative) = (ranked(DifficultRule::Ignored), ranked(DifficultRule::Negative));
            let mean = |rankings: &Vec<Ranking>, recall| -> Statistic<'_> {
                let rankings = rankings.clone();
                Box::new(move |counts| precision::mean_of(&rankings, recall, counts))
            };
            vec![
                (Metric::Map11.to_string(), mean(&ignored, Recall::Eleven)),
                ("all-point mAP".to_owned(), mean(&ignored, Recall::All)),
                ("11-point mAP, difficult as negative".to_owned(), mean(&negative, Recall::Eleven)),
                ("all-point mAP, difficult as negative".to_owned(), mean(&negative, Recall::All)),
            ]
        }
    };
    let own = first.to_string();
    statistics.sort_by_key(|(name, _)| *name != own);
    let found = bootstrap.measure(labels.len(), &statistics).into_iter();
    // An interval that was moved may reach beyond what a percentage can be.
    let within = |one: Measured| Measured { interval: one.interval.map(|x| x.clamp(0.0, 100.0)), ..one };
    Ok(found.map(within).collect())
}

fn of_classes<'a>(
    scores: &'a [f32],
    labels: &'a [usize],
    classes: usize,
    are_probabilities: bool,
) -> Vec<(String, Statistic<'a>)> {
    let rows = || scores.chunks_exact(classes).zip(labels.iter().copied());
    let places: Vec<usize> = rows().map(|(row, label)| place(row, label)).collect();
    let hits: Vec<bool> = places.iter().map(|place| *place == 0).collect();
    let share = |k: usize| -> Statistic<'a> {
        let hits: Vec<bool> = places.iter().map(|place| *place < k).collect();
        Box::new(move |counts| weighted(&hits, counts))
    };
    let mut statistics = vec![(Metric::Top1.to_string(), share(1))];
    if classes > 5 {
        statistics.push(("top-5".to_owned(), share(5)));
    }
    let own = hits.clone();
    let mean: Statistic<'a> = Box::new(move |counts| mean_per_class(&own, labels, classes, counts));
    statistics.push((Metric::MeanPerClass.to_string(), mean));
    if are_probabilities {
        let sure: Vec<f32> = rows().map(|(row, _)| row.iter().fold(0.0, |most, &p| p.max(most))).collect();
        let error: Statistic<'a> = Box::new(move |counts| calibration_error(&sure, &hits, counts));
        statistics.push(("calibration error".to_owned(), error));
    }
    statistics
}

/// In percent, how many of `rows` have their label among the `k` highest scores; of equal scores the lower class is
/// guessed first.
pub fn top_k<'a>(rows: impl IntoIterator<Item = (&'a [f32], usize)>, k: usize) -> f64 {
    let hits: Vec<bool> = rows.into_iter().map(|(scores, label)| place(scores, label) < k).collect();
    weighted(&hits, &vec![1; hits.len()])
}

/// The class guessed first: the highest score, of equal ones the lower class.
pub fn first_highest(scores: &[f32]) -> usize {
    let better = |best: usize, class: usize| if scores[class] > scores[best] { class } else { best };
    (0..scores.len()).reduce(better).unwrap_or(0)
}

/// How many classes are guessed before `label`.
pub fn place(scores: &[f32], label: usize) -> usize {
    let own = scores[label];
    scores
        .iter()
        .enumerate()
        .filter(|&(class, &score)| score > own || (score == own && class < label))
        .count()
}

/// In percent, the share of hits with each row counted so many times.
fn weighted(hits: &[bool], counts: &[u32]) -> f64 {
    let all: u64 = counts.iter().map(|c| u64::from(*c)).sum();
    let hit: u64 = hits.iter().zip(counts).filter(|(hit, _)| **hit).map(|(_, c)| u64::from(*c)).sum();
    percent(hit, all)
}

/// In percent, the share of hits in each class, averaged over the classes that have rows.
pub fn mean_per_class(hits: &[bool], labels: &[usize], classes: usize, counts: &[u32]) -> f64 {
    let mut by_class = vec![(0_u64, 0_u64); classes];
    for ((hit, label), count) in hits.iter().zip(labels).zip(counts) {
        by_class[*label].1 += u64::from(*count);
        by_class[*label].0 += u64::from(*count) * u64::from(*hit);
    }
    let shares: Vec<f64> =
        by_class.iter().filter(|(_, all)| *all > 0).map(|&(hit, all)| percent(hit, all)).collect();
    shares.iter().sum::<f64>() / ratio(shares.len().max(1) as u64, 1)
}

/// In percent, how far certainty is from the share of hits, on average over 15 bins of equal width (Guo et al. 2017).
pub fn calibration_error(certainty: &[f32], hits: &[bool], counts: &[u32]) -> f64 {
    let mut bins = [(0.0_f64, 0_u64, 0_u64); BINS];
    for ((&sure, hit), count) in certainty.iter().zip(hits).zip(counts) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 15")]
        // Bins are open below and closed above, so that full certainty is in the last.
        let bin = ((f64::from(sure) * 15.0).ceil() as usize).clamp(1, BINS) - 1;
        bins[bin].0 += f64::from(sure) * f64::from(*count);
        bins[bin].1 += u64::from(*count) * u64::from(*hit);
        bins[bin].2 += u64::from(*count);
    }
    let all: u64 = bins.iter().map(|bin| bin.2).sum();
    let off: f64 = bins.iter().map(|(sure, hit, _)| (sure - ratio(*hit, 1)).abs()).sum();
    100.0 * off / ratio(all.max(1), 1)
}

fn percent(part: u64, all: u64) -> f64 {
    100.0 * ratio(part, all.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

#[cfg(test)]
mod tests;
