//! Rows that are few for their length, told in an orthonormal basis of what they span: the penalty keeps every probe's weights
//! in there (the representer theorem), so that a fit in a handful of numbers is the fit in thousands, and costs as little as it
//! should. Knows neither how fits are made nor how they are chosen.

use ndarray::linalg::general_mat_vec_mul;
use ndarray::{Array1, Array2, Axis, s};

use super::moments::float;
use super::sweep::Fitted;
use crate::Features;

/// Rows are few where this many times as many are no more than the numbers in one: a basis of more costs as much as it saves.
const FEW: usize = 2;
/// Share of a row's length below which what the basis leaves of it is rounding.
const ROUNDING: f64 = 1e-9;

/// An orthonormal basis, directions × embedding length.
pub(super) struct Span {
    basis: Array2<f64>,
}

impl Span {
    /// The span of few rows, and those rows in its coordinates; `None` where there are too many, or none but zeros.
    pub(super) fn of(features: &Features) -> Option<(Self, Features)> {
        let (rows, len) = (features.len(), features.embedding_len);
        if FEW * rows > len {
            return None;
        }
        let wide = Array2::from_shape_fn((rows, len), |(row, j)| f64::from(features.row(row)[j]));
        let span = Self { basis: orthonormal(&wide) };
        let directions = span.basis.nrows();
        if directions == 0 || wide.iter().any(|x| !x.is_finite()) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "embeddings are f32")]
        let embeddings = wide.dot(&span.basis.t()).iter().map(|&x| x as f32).collect();
        let narrow = Features { embedding_len: directions, embeddings, labels: features.labels.clone() };
        Some((span, narrow))
    }

    /// What a penalty in units of the rows' mean variance is in units of their coordinates': these share the same variance
    /// among fewer.
    pub(super) fn scaled(&self, penalties: &[f64]) -> Vec<f64> {
        let share = float(self.basis.nrows()) / float(self.basis.ncols());
        penalties.iter().map(|penalty| penalty * share).collect()
    }

    /// A fit of the coordinates as one of the rows; `penalties` are those that `scaled` was given.
    pub(super) fn widen(&self, fitted: Fitted, penalties: &[f64]) -> Fitted {
        let directions = self.basis.nrows();
        let mut weight = Vec::with_capacity(fitted.weight.len() / directions * self.basis.ncols());
        for class in fitted.weight.chunks_exact(directions) {
            weight.extend(Array1::from(class.to_vec()).dot(&self.basis));
        }
        let mut trials = fitted.trials;
        let chosen = trials.iter().position(|trial| Some(trial.relative) == fitted.relative);
        trials.iter_mut().zip(penalties).for_each(|(trial, &penalty)| trial.relative = penalty);
        let relative = chosen.and_then(|i| penalties.get(i).copied());
        // No entry in the wide space is longer than the whole gradient, which is as long here as there.
        let gradient = fitted.gradient * float(directions).sqrt();
        Fitted { weight, trials, relative, gradient, ..fitted }
    }
}

/// The rows made orthogonal one after another (Gram–Schmidt, each twice), without those that others add up to.
fn orthonormal(rows: &Array2<f64>) -> Array2<f64> {
    let mut basis = Array2::zeros(rows.raw_dim());
    let mut count = 0;
    for row in rows.axis_iter(Axis(0)) {
        let mut rest = row.to_owned();
        let known = basis.slice(s![..count, ..]);
        for _ in 0..2 {
            let along = known.dot(&rest);
            general_mat_vec_mul(-1.0, &known.t(), &along, 1.0, &mut rest);
        }
        let length = rest.dot(&rest).sqrt();
        if length > ROUNDING * row.dot(&row).sqrt() {
            rest /= length;
            basis.row_mut(count).assign(&rest);
            count += 1;
        }
    }
    basis.slice(s![..count, ..]).to_owned()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Labels;
    use crate::probe::sweep::{fit_wide, sweep_wide};
    use crate::probe::{fit, penalties, sweep};

    fn few(rows: usize, len: usize, classes: usize) -> Features {
        let mut random = ChaCha8Rng::seed_from_u64(8);
        let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
        let mut embeddings: Vec<f32> = Vec::new();
        for label in &labels {
            let at = |j: usize| if j % classes == *label { 1.5 } else { 0.5 };
            embeddings.extend((0..len).map(|j| at(j) + random.random_range(-4.0..4.0_f32)));
        }
        // A row twice adds no direction.
        embeddings.copy_within(..len, len * classes);
        Features { embedding_len: len, embeddings, labels: Labels::Classes(labels) }
    }

    #[test]
    fn the_fit_in_the_span_is_the_fit_in_the_whole_space() {
        let features = few(24, 90, 3);
        let found = fit(&features, 3, 0.01).unwrap();
        let expected = fit_wide(&features, 3, 0.01).unwrap();
        assert!((found.objective - expected.objective).abs() < 1e-6 * expected.objective);
        assert_eq!((found.weight.len(), found.bias.len()), (270, 3));
        for (found, expected) in found.weight.iter().zip(&expected.weight) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn the_penalty_chosen_and_what_was_tried_are_the_same() {
        let features = few(40, 200, 4);
        let rows: Vec<usize> = (0..40).collect();
        let split = rows.split_at(28);
        // Below these nothing is left of a penalty but where the descent happens to stop.
        let penalties = &penalties()[..32];
        let found = sweep(&features, split, 4, penalties, &mut |_| ()).unwrap();
        let expected = sweep_wide(&features, split, 4, penalties, &mut |_| ()).unwrap();
        assert_eq!(found.relative, expected.relative);
        for (found, expected) in found.trials.iter().zip(&expected.trials) {
            assert_eq!((found.relative, found.validation), (expected.relative, expected.validation));
            assert!((found.penalty - expected.penalty).abs() < 1e-6 * expected.penalty);
            assert!((found.loss - expected.loss).abs() < 1e-3 * expected.loss, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn many_rows_and_rows_of_zeros_stay_as_they_are() {
        assert!(Span::of(&few(24, 47, 3)).is_none());
        let zeros = Features { embeddings: vec![0.0; 24 * 90], ..few(24, 90, 3) };
        assert!(Span::of(&zeros).is_none());
        let (span, narrow) = Span::of(&few(24, 90, 3)).unwrap();
        assert_eq!((span.basis.dim(), narrow.embedding_len), ((23, 90), 23));
    }
}
