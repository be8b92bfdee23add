//! Dot products with the widest instructions this machine has, chosen while running.
//!
//! Two slices of equal length in, their dot product out. Every kernel agrees with the scalar one up to rounding;
//! nothing else in the crate contains `unsafe`.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// A way to compute dot products that this machine is known to support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Level);

/// Private, so that no kernel exists without its instructions having been detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// All that this machine supports, slowest first.
    pub fn available() -> Vec<Kernel> {
        #[allow(unused_mut)]
        let mut kernels = vec![Kernel(Level::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                kernels.push(Kernel(Level::Avx2));
            }
            if is_x86_feature_detected!("avx512f") {
                kernels.push(Kernel(Level::Avx512));
            }
        }
        kernels
    }

    /// The fastest that this machine supports.
    pub fn best() -> Kernel {
        *Self::available().last().unwrap_or(&Kernel(Level::Scalar))
    }

    /// Its name, for reports.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
        }
    }

    /// The dot product of `a` and `b` over their common length.
    #[inline]
    pub fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        match self.0 {
            Level::Scalar => dot_scalar(a, b),
            // SAFETY: a `Kernel` of this level is only made after its features were detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { dot_avx2(a, b) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { dot_avx512(a, b) },
        }
    }

    /// The dot products of `query` with each row of `rows`, in order; one choice of kernel for all of them.
    pub fn dots(self, query: &[f32], rows: &[f32], scores: &mut Vec<f32>) {
        scores.clear();
        let rows = rows.chunks_exact(query.len().max(1));
        match self.0 {
            Level::Scalar => scores.extend(rows.map(|row| dot_scalar(query, row))),
            // SAFETY: a `Kernel` of this level is only made after its features were detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => scores.extend(rows.map(|row| unsafe { dot_avx2(query, row) })),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => scores.extend(rows.map(|row| unsafe { dot_avx512(query, row) })),
        }
    }
}

/// Eight sums side by side, which the compiler turns into whatever the base machine has.
fn dot_scalar(a: &[f32], b: &[f32]) -> f32 {
    let (mut sums, (wide_a, wide_b)) = ([0.0f32; 8], (a.chunks_exact(8), b.chunks_exact(8)));
    let rest: f32 = wide_a.remainder().iter().zip(wide_b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in wide_a.zip(wide_b) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (pa, pb) = (a.as_ptr(), b.as_ptr());
    let mut sums = [_mm256_setzero_ps(); 4];
    let mut i = 0;
    while i + 32 <= length {
        for (lane, sum) in sums.iter_mut().enumerate() {
            // SAFETY: i + 32 <= length, and lane < 4, so eight numbers from here are inside both slices.
            let (x, y) =
                unsafe { (_mm256_loadu_ps(pa.add(i + 8 * lane)), _mm256_loadu_ps(pb.add(i + 8 * lane))) };
            *sum = _mm256_fmadd_ps(x, y, *sum);
        }
        i += 32;
    }
    let sum = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    let half = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
    let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
    let one = _mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair));
    _mm_cvtss_f32(one) + dot_scalar(&a[i..length], &b[i..length])
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn dot_avx512(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (pa, pb) = (a.as_ptr(), b.as_ptr());
    let mut sums = [_mm512_setzero_ps(); 4];
    let mut i = 0;
    while i + 64 <= length {
        for (lane, sum) in sums.iter_mut().enumerate() {
            // SAFETY: i + 64 <= length, and lane < 4, so sixteen numbers from here are inside both slices.
            let (x, y) =
                unsafe { (_mm512_loadu_ps(pa.add(i + 16 * lane)), _mm512_loadu_ps(pb.add(i + 16 * lane))) };
            *sum = _mm512_fmadd_ps(x, y, *sum);
        }
        i += 64;
    }
    while i < length {
        let mask = u16::MAX >> 16usize.saturating_sub(length - i);
        // SAFETY: the mask keeps only the length - i numbers that are left; masked-out lanes are not read.
        let (x, y) =
            unsafe { (_mm512_maskz_loadu_ps(mask, pa.add(i)), _mm512_maskz_loadu_ps(mask, pb.add(i))) };
        sums[0] = _mm512_fmadd_ps(x, y, sums[0]);
        i += 16;
    }
    _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_agrees_with_a_plain_loop_at_every_length() {
        for length in 0..=200 {
            let a: Vec<f32> = (0..length).map(|i| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0).collect();
            let b: Vec<f32> = (0..length).map(|i| ((i * 53 + 7) % 97) as f32 / 48.0 - 1.0).collect();
            let plain: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            for kernel in Kernel::available() {
                let found = f64::from(kernel.dot(&a, &b));
                assert!(
                    (found - plain).abs() < 1e-4,
                    "{} at {length}: {found} against {plain}",
                    kernel.name()
                );
                if length > 0 {
                    let mut scores = vec![9.0];
                    kernel.dots(&a, &[b.clone(), a.clone(), b.clone()].concat(), &mut scores);
                    let expected = [kernel.dot(&a, &b), kernel.dot(&a, &a), kernel.dot(&a, &b)];
                    assert_eq!(scores, expected, "{} at {length}", kernel.name());
                }
            }
        }
    }
}
