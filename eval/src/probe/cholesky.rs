//! A positive definite matrix as L·Lᵀ (Golub & Van Loan, §4.2, column panel by column panel), and solutions with it. Knows
//! nothing of probes.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayViewMut2, s};

use super::lbfgs::{add, dot};

/// Columns factored at a time.
const PANEL: usize = 32;

/// Cholesky's factor in place of the lower triangle; `None` unless positive definite.
pub(super) fn factored(mut a: Array2<f64>) -> Option<Array2<f64>> {
    let n = a.nrows();
    for start in (0..n).step_by(PANEL) {
        let end = (start + PANEL).min(n);
        let (done, mut panel) = a.multi_slice_mut((s![start.., ..start], s![start.., start..end]));
        general_mat_mul(-1.0, &done, &done.slice(s![..end - start, ..]).t(), 1.0, &mut panel);
        factor_panel(&mut panel)?;
    }
    Some(a)
}

/// The panel's columns, from which all columns before it have been subtracted; its diagonal is at its top.
fn factor_panel(panel: &mut ArrayViewMut2<'_, f64>) -> Option<()> {
    for j in 0..panel.ncols() {
        let known = panel.slice(s![j, ..j]).to_owned();
        let pivot = panel[[j, j]] - known.dot(&known);
        if !pivot.is_finite() || pivot <= 0.0 {
            return None;
        }
        panel[[j, j]] = pivot.sqrt();
        let scale = 1.0 / panel[[j, j]];
        for mut row in panel.slice_mut(s![j + 1.., ..]).rows_mut() {
            row[j] = scale * (row[j] - row.slice(s![..j]).dot(&known));
        }
    }
    Some(())
}

/// Replaces x by the solution y of L·Lᵀ·y = x.
pub(super) fn solve(factor: &Array2<f64>, x: &mut [f64]) {
    let rows = || factor.rows().into_iter().enumerate();
    for (i, row) in rows() {
        if let Some(row) = row.to_slice() {
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
    }
    for (i, row) in rows().rev() {
        if let Some(row) = row.to_slice() {
            x[i] /= row[i];
            let by = -x[i];
            add(&mut x[..i], by, &row[..i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_factor_times_itself_is_the_matrix_and_one_that_is_not_positive_definite_is_refused() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for n in [1, 2, 31, 32, 33, 100] {
            let tall = Array2::from_shape_fn((n + 3, n), |_| random.random_range(-1.0..1.0));
            let a: Array2<f64> = tall.t().dot(&tall);
            let factor = factored(a.clone()).unwrap();
            for ((i, j), expected) in a.indexed_iter() {
                let found: f64 = (0..=i.min(j)).map(|k| factor[[i, k]] * factor[[j, k]]).sum();
                assert!((found - expected).abs() < 1e-10, "{n}: {i} {j}: {found} {expected}");
            }
            let mut worse = a;
            worse[[n / 2, n / 2]] = -1.0;
            assert!(factored(worse).is_none());
        }
    }
}
