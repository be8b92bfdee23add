//! A symmetric matrix as Q·T·Qᵀ with T tridiagonal (Householder; Golub & Van Loan, §8.3.1, in blocks), so that one
//! decomposition solves with A + λI for every λ: each at the cost of two products with Q. Knows nothing of probes.

use ndarray::linalg::{general_mat_mul, general_mat_vec_mul};
use ndarray::{Array1, Array2, ArrayView1, s};
use rayon::prelude::*;

use super::products::{ROWS, padded, scores, tiles};

/// Reflections applied at a time.
const BLOCK: usize = 32;

/// Q, and the diagonals of T.
#[derive(Debug)]
pub(crate) struct Tridiagonal {
    /// Q's columns and its rows, each in the order in which products read them.
    columns: Vec<f64>,
    rows: Vec<f64>,
    diagonal: Vec<f64>,
    beside: Vec<f64>,
}

/// A + λI, ready to be solved with.
#[derive(Debug)]
pub(crate) struct Shifted<'a> {
    of: &'a Tridiagonal,
    /// T + λI = L·D·Lᵀ: the diagonal of D, and what stands below the ones of L.
    pivots: Vec<f64>,
    below: Vec<f64>,
}

impl Tridiagonal {
    /// Decomposes a symmetric matrix.
    pub(crate) fn of(mut a: Array2<f64>) -> Self {
        let n = a.nrows();
        let mut q = Array2::eye(n);
        let (mut diagonal, mut beside) = (vec![0.0; n], vec![0.0; n.saturating_sub(1)]);
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            let mut v = Array2::zeros((n, end - start));
            let mut w = Array2::zeros((n, end - start));
            for j in start..end {
                let done = j - start;
                let mut column = a.column(j).to_owned();
                subtract(&mut column, &v, &w.row(j).to_owned(), done);
                subtract(&mut column, &w, &v.row(j).to_owned(), done);
                diagonal[j] = column[j];
                if j + 1 == n {
                    break;
                }
                let (reflection, norm) = reflection(&column, j + 1);
                beside[j] = norm;
                let image = image(&a, &v, &w, &reflection, j + 1, done);
                v.column_mut(done).assign(&reflection);
                w.column_mut(done).assign(&image);
            }
            let (left, right) = (v.slice(s![end.., ..]), w.slice(s![end.., ..]));
            let mut rest = a.slice_mut(s![end.., end..]);
            general_mat_mul(-1.0, &left, &right.t(), 1.0, &mut rest);
            general_mat_mul(-1.0, &right, &left.t(), 1.0, &mut rest);
            apply(&mut q, &v, start);
        }
        let ordered = |q: Array2<f64>| tiles(&q.iter().copied().collect::<Vec<_>>(), n, padded(n));
        Self { columns: ordered(q.t().to_owned()), rows: ordered(q), diagonal, beside }
    }

    /// A + λI, or `None` where that is not positive definite.
    pub(crate) fn shifted(&self, shift: f64) -> Option<Shifted<'_>> {
        let mut pivots: Vec<f64> = self.diagonal.iter().map(|d| d + shift).collect();
        let mut below = self.beside.clone();
        for i in 0..pivots.len() {
            if !pivots[i].is_finite() || pivots[i] <= 0.0 {
                return None;
            }
            if let Some(beside) = below.get_mut(i) {
                let share = *beside / pivots[i];
                pivots[i + 1] -= share * *beside;
                *beside = share;
            }
        }
        Some(Shifted { of: self, pivots, below })
    }
}

impl Shifted<'_> {
    /// Replaces each row of `rows` by the solution x of (A + λI)·x = row.
    pub(crate) fn solve(&self, rows: &mut [f64]) {
        const AT_ONCE: usize = 4 * ROWS;
        rows.par_chunks_mut(AT_ONCE * self.pivots.len()).for_each(|rows| self.solve_some(rows));
    }

    fn solve_some(&self, rows: &mut [f64]) {
        let n = self.pivots.len();
        let (width, count) = (padded(n), (rows.len() / n).next_multiple_of(ROWS));
        let (mut given, mut turned) = (vec![0.0; count * width], vec![0.0; count * width]);
        given
            .chunks_exact_mut(width)
            .zip(rows.chunks_exact(n))
            .for_each(|(to, x)| to[..n].copy_from_slice(x));
        scores(&given, width, &self.of.columns, &mut turned);
        for row in turned.chunks_exact_mut(width).take(rows.len() / n) {
            for i in 1..n {
                row[i] -= self.below[i - 1] * row[i - 1];
            }
            row.iter_mut().zip(&self.pivots).for_each(|(x, pivot)| *x /= pivot);
            for i in (1..n).rev() {
                row[i - 1] -= self.below[i - 1] * row[i];
            }
        }
        scores(&turned, width, &self.of.rows, &mut given);
        rows.chunks_exact_mut(n)
            .zip(given.chunks_exact(width))
            .for_each(|(to, x)| to.copy_from_slice(&x[..n]));
    }
}

/// `column` −= the first columns of `left` × `right`.
fn subtract(column: &mut Array1<f64>, left: &Array2<f64>, right: &Array1<f64>, columns: usize) {
    let (left, right) = (left.slice(s![.., ..columns]), right.slice(s![..columns]));
    general_mat_vec_mul(-1.0, &left, &right, 1.0, column);
}

/// v of unit length, zero before `first`, for which (I − 2vvᵀ)·column is zero after `first`; and what it is there.
fn reflection(column: &Array1<f64>, first: usize) -> (Array1<f64>, f64) {
    let mut v = column.clone();
    v.slice_mut(s![..first]).fill(0.0);
    let norm = v.dot(&v).sqrt();
    if norm == 0.0 {
        return (v, 0.0);
    }
    let target = if v[first] > 0.0 { -norm } else { norm };
    v[first] -= target;
    let length = v.dot(&v).sqrt();
    v /= length;
    (v, target)
}

/// w for which A − v·wᵀ − w·vᵀ is A between two reflections; A is what earlier reflections of the block, not yet
/// subtracted, have made of `a`.
fn image(
    a: &Array2<f64>,
    v: &Array2<f64>,
    w: &Array2<f64>,
    reflection: &Array1<f64>,
    first: usize,
    done: usize,
) -> Array1<f64> {
    let mut image = Array1::zeros(reflection.len());
    let active = reflection.slice(s![first..]);
    let product = product(a, &active, first);
    image.slice_mut(s![first..]).assign(&product);
    let (v, w) = (v.slice(s![.., ..done]), w.slice(s![.., ..done]));
    general_mat_vec_mul(-1.0, &v, &w.t().dot(reflection), 1.0, &mut image);
    general_mat_vec_mul(-1.0, &w, &v.t().dot(reflection), 1.0, &mut image);
    image.slice_mut(s![..first]).fill(0.0);
    image *= 2.0;
    let along = image.dot(reflection);
    image.scaled_add(-along, reflection);
    image
}

/// The lower right corner of `a` × `active`, on all cores: nearly all the time goes here.
fn product(a: &Array2<f64>, active: &ArrayView1<'_, f64>, first: usize) -> Array1<f64> {
    const STRIP: usize = 128;
    let n = a.nrows();
    let starts: Vec<usize> = (first..n).step_by(STRIP).collect();
    let strip = |start: usize| a.slice(s![start..(start + STRIP).min(n), first..]).dot(active).to_vec();
    let parts: Vec<Vec<f64>> = starts.into_par_iter().map(strip).collect();
    Array1::from(parts.concat())
}

/// Q ← Q·H₁·H₂…, the block's reflections at once (compact WY form).
fn apply(q: &mut Array2<f64>, v: &Array2<f64>, start: usize) {
    let v = v.slice(s![start.., ..]);
    let overlap = v.t().dot(&v);
    let count = v.ncols();
    // H₁…Hₖ = I − V·T·Vᵀ, T upper triangular with twos on its diagonal.
    let mut t = Array2::<f64>::zeros((count, count));
    for j in 0..count {
        if overlap[[j, j]] == 0.0 {
            continue;
        }
        t[[j, j]] = 2.0;
        let known = t.slice(s![..j, ..j]).dot(&overlap.slice(s![..j, j])) * -2.0;
        t.slice_mut(s![..j, j]).assign(&known);
    }
    let mut active = q.slice_mut(s![.., start..]);
    let turned = active.dot(&v).dot(&t);
    general_mat_mul(-1.0, &turned, &v.t(), 1.0, &mut active);
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn solutions_put_back_give_the_right_hand_side_whatever_the_shift() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for n in [1, 2, 5, 32, 33, 64, 65, 150] {
            let tall = Array2::from_shape_fn((n / 2 + 3, n), |_| random.random_range(-1.0..1.0));
            let a: Array2<f64> = tall.t().dot(&tall);
            let parts = Tridiagonal::of(a.clone());
            for shift in [1e-3, 1.0, 1e4] {
                let b: Vec<f64> = (0..2 * n).map(|_| random.random_range(-1.0..1.0)).collect();
                let mut x = b.clone();
                parts.shifted(shift).unwrap().solve(&mut x);
                for (i, expected) in b.iter().enumerate() {
                    let (row, i) = (i / n * n, i % n);
                    let found: f64 = shift * x[row + i] + (0..n).map(|j| a[[i, j]] * x[row + j]).sum::<f64>();
                    assert!((found - expected).abs() < 1e-8, "n {n} shift {shift}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        let mut a = Array2::<f64>::eye(50);
        a[[30, 30]] = -1.0;
        assert!(Tridiagonal::of(a.clone()).shifted(0.5).is_none());
        assert!(Tridiagonal::of(a).shifted(1.5).is_some());
        assert!(Tridiagonal::of(Array2::from_elem((2, 2), f64::NAN)).shifted(1.0).is_none());
        let mut zeros = vec![3.0; 4];
        Tridiagonal::of(Array2::zeros((4, 4))).shifted(2.0).unwrap().solve(&mut zeros);
        assert_eq!(zeros, [1.5; 4]);
    }
}
