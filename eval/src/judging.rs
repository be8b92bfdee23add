//! What is reported of one encoder's features of one dataset: features in, metrics with intervals by method out. Knows
//! neither the encoder nor where results are kept.

use simclr_datasets::Metric;

use crate::knn::Vote;
use crate::metrics::{Bootstrap, Measured, first_highest, measure};
use crate::probe::Probe;
use crate::{EvalError, Features, Neighbours};

/// How many neighbours vote, one number after another.
pub const NEIGHBOURS: [usize; 4] = [200, 100, 20, 10];
/// Temperatures of the vote that others report.
pub const TEMPERATURES: [f64; 2] = [0.1, 0.07];

/// A method's name, such as `linear`, and everything measured of it, the dataset's own metric first.
pub type Judgement = (String, Vec<Measured>);

/// Weighted votes for every number of `neighbours` (or as many as there are) and every temperature, from one search; and the
/// class that the first of them guesses for each test picture, where pictures show one.
///
/// # Errors
/// When there is nothing to judge on, or embeddings differ in length.
pub fn by_neighbours(
    (known, test): (&Features, &Features),
    classes: usize,
    metric: Metric,
    (neighbours, temperatures): (&[usize], &[f64]),
    bootstrap: Bootstrap,
    progress: &mut dyn FnMut(usize),
) -> Result<(Vec<usize>, Vec<Judgement>), EvalError> {
    let mut counts: Vec<usize> = neighbours.iter().map(|k| (*k).clamp(1, known.len().max(1))).collect();
    counts.dedup();
    let most = counts.iter().copied().max().unwrap_or(1);
    let found = Neighbours::find(known, test, most, progress)?;
    let (mut guesses, mut judgements) = (Vec::new(), Vec::new());
    for &k in &counts {
        for &temperature in temperatures {
            let votes = found.votes(classes, k, Vote::Weighted { temperature });
            if guesses.is_empty() && test.labels.classes().is_ok() {
                guesses = votes.iter().map(|row| first_highest(row)).collect();
            }
            let measured = measure(&votes.concat(), &test.labels, classes, metric, false, bootstrap)?;
            judgements.push((format!("knn k={k} T={temperature}"), measured));
        }
    }
    Ok((guesses, judgements))
}

/// The probe's probabilities for every test picture (rows × classes), and what they are worth.
///
/// # Errors
/// When there is nothing to judge on, or the probe takes embeddings of another length.
pub fn by_probe(
    probe: &Probe,
    test: &Features,
    metric: Metric,
    bootstrap: Bootstrap,
) -> Result<(Vec<f32>, Judgement), EvalError> {
    let classes = probe.classes.len();
    let mut guesses = Vec::with_capacity(test.len() * classes);
    for row in 0..test.len() {
        guesses.extend(probe.predict(test.row(row))?);
    }
    let measured = measure(&guesses, &test.labels, classes, metric, true, bootstrap)?;
    Ok((guesses, ("linear".to_owned(), measured)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;

    #[test]
    fn every_number_of_neighbours_and_temperature_is_reported() {
        let embeddings =
            (0..60_u8).flat_map(|i| [f32::from(i % 3) - 1.0, f32::from(i) / 60.0 + 0.1]).collect();
        let labels = Labels::Classes((0..60).map(|i| i % 3).collect());
        let features = Features { embedding_len: 2, embeddings, labels };
        let bootstrap = Bootstrap { samples: 20, seed: 0 };
        let (guesses, found) = by_neighbours(
            (&features, &features),
            3,
            Metric::Top1,
            (&NEIGHBOURS, &TEMPERATURES),
            bootstrap,
            &mut |_| {},
        )
        .unwrap();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [60, 20, 10].map(|k| [format!("knn k={k} T=0.1"), format!("knn k={k} T=0.07")]);
        assert_eq!(names, expected.concat());
        assert_eq!((guesses.len(), found[0].1[0].metric.as_str()), (60, "top-1"));
        let interval = found[0].1[0].interval;
        assert!(interval[0] <= found[0].1[0].value && found[0].1[0].value <= interval[1]);
    }
}
