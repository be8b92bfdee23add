//! Which classes a fit can learn anything of: those that some of its rows show and, where a row may show several, others do
//! not. For any other class the objective falls for ever as its bias goes to infinity with weights of zero: the descent is
//! spared it, and it is given a bias so large that its probability is 0, or 1, in any float.

use simclr_datasets::Mark;

use super::lbfgs::Minimum;
use super::loss::Targets;
use crate::Labels;

/// As good as infinite: e to this power is, with either sign, beyond a float.
const SURE: f64 = 1000.0;

/// The classes of a fit.
pub(super) struct Known {
    classes: usize,
    /// Those fitted, ascending.
    kept: Vec<usize>,
    /// The bias of every class that is not.
    ends: Vec<f64>,
    /// The labels by places in `kept`, where some are left out.
    labels: Option<Labels>,
}

impl Known {
    /// Of rows with these labels; all classes, where too few would be left.
    pub(super) fn of(labels: &Labels, classes: usize) -> Self {
        let (shown, missed) = counts(labels, classes);
        let is_known = |&class: &usize| shown[class] && missed[class];
        let mut kept: Vec<usize> = (0..classes).filter(is_known).collect();
        let least = if matches!(labels, Labels::Classes(_)) { 2 } else { 1 };
        if kept.len() < least {
            kept = (0..classes).collect();
        }
        let ends = shown.iter().map(|&shown| if shown { SURE } else { -SURE }).collect();
        let narrow = (kept.len() < classes).then(|| narrow(labels, &kept, classes));
        Self { classes, kept, ends, labels: narrow }
    }

    /// How many are fitted.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// What the rows should be given, of the classes fitted; `labels` are those it was made of.
    pub(super) fn targets<'a>(&'a self, labels: &'a Labels) -> Targets<'a> {
        self.labels.as_ref().unwrap_or(labels).into()
    }

    /// Of a point (weights, then biases) for all classes, what belongs to those fitted; a class that was not fitted before
    /// begins at zero.
    pub(super) fn narrow(&self, mut point: Vec<f64>, len: usize) -> Vec<f64> {
        let biases = point.split_off(self.classes * len);
        let weights = self.kept.iter().flat_map(|&class| &point[class * len..][..len]).copied();
        let biases = self.kept.iter().map(|&class| biases[class]);
        weights.chain(biases.map(|bias| if bias.abs() < SURE { bias } else { 0.0 })).collect()
    }

    /// The minimum over all classes.
    pub(super) fn widen(&self, end: Minimum, len: usize) -> Minimum {
        if self.labels.is_none() {
            return end;
        }
        let point = self.spread(&end.point, len, &self.ends);
        let gradient = self.spread(&end.gradient, len, &vec![0.0; self.classes]);
        Minimum { point, gradient, ..end }
    }

    fn spread(&self, narrow: &[f64], len: usize, others: &[f64]) -> Vec<f64> {
        let mut wide = vec![0.0; self.classes * len];
        wide.extend_from_slice(others);
        let (weights, biases) = narrow.split_at(self.kept.len() * len);
        for (place, &class) in self.kept.iter().enumerate() {
            wide[class * len..][..len].copy_from_slice(&weights[place * len..][..len]);
            wide[self.classes * len + class] = biases[place];
        }
        wide
    }
}

/// Of each class, whether some row shows it and whether some row does not.
fn counts(labels: &Labels, classes: usize) -> (Vec<bool>, Vec<bool>) {
    match labels {
        Labels::Classes(labels) => {
            let mut shown = vec![false; classes];
            labels.iter().for_each(|&label| shown[label] = true);
            // One class at a time: whatever a row shows, it does not show the others.
            (shown, vec![true; classes])
        }
        Labels::Marks { marks, .. } => {
            let any = |wanted: Mark| {
                let of = |class| marks.iter().skip(class).step_by(classes).any(|mark| *mark == wanted);
                (0..classes).map(of).collect()
            };
            (any(Mark::Present), any(Mark::Absent))
        }
    }
}

fn narrow(labels: &Labels, kept: &[usize], classes: usize) -> Labels {
    match labels {
        Labels::Classes(labels) => {
            let place = |label: &usize| kept.partition_point(|class| class < label);
            Labels::Classes(labels.iter().map(place).collect())
        }
        Labels::Marks { marks, .. } => {
            let row = |row: &[Mark]| kept.iter().map(|&class| row[class]).collect::<Vec<_>>();
            Labels::Marks { classes: kept.len(), marks: marks.chunks_exact(classes).flat_map(row).collect() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;
    use crate::probe::{Probe, fit, penalties, sweep};

    const ROWS: usize = 60;

    fn rows(labels: Labels) -> Features {
        let at = |i: usize| ((i / 3) % 3 * (i % 3)) as f32 + ((i * 37) % 11) as f32 / 11.0;
        Features { embedding_len: 3, embeddings: (0..ROWS * 3).map(at).collect(), labels }
    }

    fn of_three(names: [usize; 3]) -> Features {
        rows(Labels::Classes((0..ROWS).map(|row| names[row % 3]).collect()))
    }

    #[test]
    fn classes_without_rows_change_nothing_and_are_never_guessed() {
        let (all, some) =
            (fit(&of_three([0, 1, 2]), 3, 0.01).unwrap(), fit(&of_three([1, 2, 4]), 6, 0.01).unwrap());
        assert!((all.objective - some.objective).abs() < 1e-9 && all.evaluations == some.evaluations);
        for (narrow, wide) in [1, 2, 4].into_iter().enumerate() {
            assert_eq!(all.weight[narrow * 3..][..3], some.weight[wide * 3..][..3]);
        }
        let names = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
        let probe = Probe::new("", "", &names, "key", &some);
        let shares = probe.predict(&[1.0, 2.0, 0.5]).unwrap();
        assert_eq!((shares[0], shares[3], shares[5]), (0.0, 0.0, 0.0));
    }

    #[test]
    fn a_class_that_only_validation_shows_is_fitted_in_the_end() {
        let mut features = of_three([1, 2, 4]);
        let (train, validation) = ((0..40).collect::<Vec<_>>(), (40..ROWS).collect::<Vec<_>>());
        if let Labels::Classes(labels) = &mut features.labels {
            labels[50] = 5;
        }
        let fitted = sweep(&features, (&train, &validation), 6, &penalties(), &mut |_| ()).unwrap();
        assert!(fitted.bias[5].abs() < 50.0 && fitted.bias[0] <= -SURE, "{:?}", fitted.bias);
        assert!(fitted.trials.iter().all(|trial| trial.validation < 100.0));
    }

    #[test]
    fn marks_that_are_always_or_never_there_are_told_as_sure() {
        let (a, p) = (Mark::Absent, Mark::Present);
        let marks =
            (0..ROWS).flat_map(|row| [p, a, if row % 3 == 0 { p } else { a }, Mark::Difficult]).collect();
        let fitted = fit(&rows(Labels::Marks { classes: 4, marks }), 4, 0.01).unwrap();
        let names = ["always", "never", "some", "unclear"].map(str::to_owned);
        let shares = Probe::new("", "", &names, "key", &fitted).predict(&[0.0, 1.0, 1.0]).unwrap();
        assert!(shares[0] == 1.0 && shares[1] == 0.0 && shares[3] == 0.0, "{shares:?}");
        assert!(shares[2] > 0.0 && shares[2] < 1.0, "{shares:?}");
    }
}
