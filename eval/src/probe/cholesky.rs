//! The factor L of a symmetric positive definite matrix A = L·Lᵀ, and solving with it; blocked, so that its time is that
//! of matrix products.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayViewMut2, s};

/// L of A = L·Lᵀ.
#[derive(Debug)]
pub(crate) struct Cholesky {
    lower: Array2<f64>,
}

const BLOCK: usize = 64;

impl Cholesky {
    /// Factors a matrix of which the lower triangle is read; `None` when it is not positive definite.
    pub(crate) fn new(mut a: Array2<f64>) -> Option<Self> {
        let n = a.nrows();
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            factor_corner(&mut a.slice_mut(s![start..end, start..end]))?;
            if end == n {
                break;
            }
            let corner = a.slice(s![start..end, start..end]).to_owned();
            let mut panel = a.slice(s![end.., start..end]).to_owned();
            for mut row in panel.rows_mut() {
                for j in 0..end - start {
                    let known: f64 = (0..j).map(|k| corner[[j, k]] * row[k]).sum();
                    row[j] = (row[j] - known) / corner[[j, j]];
                }
            }
            general_mat_mul(-1.0, &panel, &panel.t(), 1.0, &mut a.slice_mut(s![end.., end..]));
            a.slice_mut(s![end.., start..end]).assign(&panel);
        }
        Some(Self { lower: a })
    }

    /// Replaces a right-hand side by the solution of A·x = b.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        let n = b.len();
        for i in 0..n {
            let row = self.lower.row(i);
            let row = row.as_slice().unwrap_or_default();
            let known = super::lbfgs::dot(&row[..i], &b[..i]);
            b[i] = (b[i] - known) / row[i];
        }
        for i in (0..n).rev() {
            let row = self.lower.row(i);
            let row = row.as_slice().unwrap_or_default();
            b[i] /= row[i];
            let x = b[i];
            super::lbfgs::add(&mut b[..i], -x, &row[..i]);
        }
    }
}

fn factor_corner(a: &mut ArrayViewMut2<'_, f64>) -> Option<()> {
    for j in 0..a.nrows() {
        for i in j..a.nrows() {
            let known: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            let rest = a[[i, j]] - known;
            if i == j {
                if !rest.is_finite() || rest <= 0.0 {
                    return None;
                }
                a[[j, j]] = rest.sqrt();
            } else {
                a[[i, j]] = rest / a[[j, j]];
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn solutions_put_back_give_the_right_hand_side() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for n in [1, 5, 64, 65, 200] {
            let tall = Array2::from_shape_fn((n + 3, n), |_| random.random_range(-1.0..1.0));
            let a: Array2<f64> = tall.t().dot(&tall) + Array2::<f64>::eye(n) * 0.1;
            let b: Vec<f64> = (0..n).map(|_| random.random_range(-1.0..1.0)).collect();
            let mut x = b.clone();
            Cholesky::new(a.clone()).unwrap().solve(&mut x);
            for (i, expected) in b.iter().enumerate() {
                let found: f64 = (0..n).map(|j| a[[i, j]] * x[j]).sum();
                assert!((found - expected).abs() < 1e-9, "n {n} row {i}: {found} {expected}");
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        let mut a = Array2::<f64>::eye(100);
        a[[80, 80]] = -1.0;
        assert!(Cholesky::new(a).is_none());
        assert!(Cholesky::new(Array2::from_elem((2, 2), f64::NAN)).is_none());
    }
}
