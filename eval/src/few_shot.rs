//! How good embeddings are when only a few labelled pictures of each class are known: features in, a mean over several draws
//! and its 95 % interval out. Knows neither encoders nor pictures.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use simclr_datasets::Metric;

use crate::metrics::{mean_per_class, place};
use crate::probe::{Pinned, Probe};
use crate::{EvalError, Features};

/// λ of the summed objective, in units of the features' mean variance: scikit-learn's default C = 1 on features of unit
/// variance. With so few pictures there are none to choose a penalty on.
const PENALTY: f64 = 1.0;
/// Student's t for 95 %, by degrees of freedom from 1 up; beyond them the last.
const STUDENT: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/// What was reached with so many pictures of each class.
#[derive(Debug, Clone, PartialEq)]
pub struct FewShot {
    /// Pictures of each class, where the class has so many.
    pub shots: usize,
    /// In percent, one number a draw.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Half the width of the mean's 95 % interval (Student's t); `None` of a single draw.
    pub half_width: Option<f64>,
}

/// Fits a probe on `shots` drawn pictures of each class of `known` and judges it on `test`, `draws` times for each number of
/// shots; `metric` is top-1 or mean per class. The spread of the features, but no label, is taken from all of `known`.
///
/// # Errors
/// When pictures may show several classes, or a fit does not converge.
pub fn few_shot(
    known: &Features,
    test: &Features,
    classes: usize,
    (shots, draws, seed): (&[usize], usize, u64),
    metric: Metric,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<FewShot>, EvalError> {
    let (labels, truth) = (known.labels.classes()?, test.labels.classes()?);
    if labels.is_empty() || truth.is_empty() {
        return Err(EvalError::TooFew(
            "few-shot needs pictures to draw from and pictures to judge on".to_owned(),
        ));
    }
    let pinned = Pinned::new(known);
    let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    let mut done = 0;
    let mut one = |shots: usize, draw: u64| {
        let drawn = known.select(&draw_rows(labels, classes, shots, seed.wrapping_add(draw)));
        let probe = Probe::new("few-shot", "", &names, "", &pinned.fit(&drawn, classes, PENALTY)?);
        let mut hits = Vec::with_capacity(truth.len());
        for (row, label) in truth.iter().enumerate() {
            hits.push(place(&probe.predict(test.row(row))?, *label) == 0);
        }
        done += 1;
        progress(done);
        let counts = vec![1; hits.len()];
        Ok(match metric {
            Metric::MeanPerClass => mean_per_class(&hits, truth, classes, &counts),
            Metric::Top1 | Metric::Map11 => {
                100.0 * float(hits.iter().filter(|h| **h).count()) / float(hits.len())
            }
        })
    };
    let mut all = Vec::with_capacity(shots.len());
    for &shots in shots {
        let values =
            (0..draws as u64).map(|draw| one(shots, draw)).collect::<Result<Vec<f64>, EvalError>>()?;
        all.push(summary(shots, values));
    }
    Ok(all)
}

/// Rows of `shots` pictures of each class, or all where there are fewer; more shots of the same seed contain fewer.
fn draw_rows(labels: &[usize], classes: usize, shots: usize, seed: u64) -> Vec<usize> {
    let mut by_class = vec![Vec::new(); classes];
    for (row, label) in labels.iter().enumerate() {
        by_class[*label].push(row);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = Vec::new();
    for mut rows in by_class {
        rows.shuffle(&mut random);
        drawn.extend(rows.into_iter().take(shots));
    }
    drawn.sort_unstable();
    drawn
}

fn summary(shots: usize, values: Vec<f64>) -> FewShot {
    let count = float(values.len());
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    let half_width = (values.len() > 1).then(|| {
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
        STUDENT[(values.len() - 2).min(STUDENT.len() - 1)] * (variance / count).sqrt()
    });
    FewShot { shots, values, mean, half_width }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;

    #[test]
    fn draws_are_seeded_nested_and_as_many_as_there_are() {
        let labels: Vec<usize> = (0..100).map(|i| if i < 3 { 2 } else { i % 2 }).collect();
        let (one, five) = (draw_rows(&labels, 4, 1, 7), draw_rows(&labels, 4, 5, 7));
        assert_eq!((one.len(), five.len()), (3, 13));
        assert!(one.iter().all(|row| five.contains(row)));
        assert_eq!(one, draw_rows(&labels, 4, 1, 7));
        assert_ne!(five, draw_rows(&labels, 4, 5, 8));
    }

    #[test]
    fn the_interval_is_students() {
        let found = summary(5, vec![50.0, 52.0, 54.0, 56.0]);
        // s = 2.582, √4 = 2, t(3) = 3.182.
        assert!((found.mean - 53.0).abs() < 1e-12 && (found.half_width.unwrap() - 4.108).abs() < 1e-3);
        assert_eq!(summary(1, vec![50.0]).half_width, None);
    }

    #[test]
    fn more_pictures_make_a_better_probe_and_one_class_is_needed() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut clouds = |rows: usize| {
            use rand::RngExt;
            let labels: Vec<usize> = (0..rows).map(|row| row % 3).collect();
            let at = |label: usize, j: usize, noise: f32| if j == label { 1.0 + noise } else { noise };
            let noisy = labels.iter().flat_map(|l| (0..6).map(move |j| (*l, j)));
            let embeddings = noisy.map(|(l, j)| at(l, j, random.random_range(-1.2..1.2))).collect();
            Features { embedding_len: 6, embeddings, labels: Labels::Classes(labels) }
        };
        let (known, test) = (clouds(300), clouds(600));
        let mut told = 0;
        let found =
            few_shot(&known, &test, 3, (&[1, 50], 4, 0), Metric::Top1, &mut |done| told = done).unwrap();
        assert_eq!((told, found.len(), found[0].values.len()), (8, 2, 4));
        assert!(found[1].mean > found[0].mean + 5.0 && found[1].mean > 70.0, "{found:?}");
        let marks = Labels::Marks { classes: 3, marks: Vec::new() };
        let several = Features { labels: marks, ..known };
        assert!(few_shot(&several, &test, 3, (&[1], 1, 0), Metric::Top1, &mut |_| {}).is_err());
    }
}
