//! Dot products of 32-bit floats: two slices in, one number out, over their common length.

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::*;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Eight sums side by side, which the compiler turns into whatever the base machine has.
pub(super) fn scalar(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    let (mut sums, (wide_a, wide_b)) = ([0.0f32; 8], (a.chunks_exact(8), b.chunks_exact(8)));
    let rest: f32 = wide_a.remainder().iter().zip(wide_b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in wide_a.zip(wide_b) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
pub(super) fn neon(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (pa, pb) = (a.as_ptr(), b.as_ptr());
    let mut sums = [vdupq_n_f32(0.0); 4];
    let mut i = 0;
    while i + 16 <= length {
        for (lane, sum) in sums.iter_mut().enumerate() {
            // SAFETY: i + 16 <= length, and lane < 4, so four numbers from here are inside both slices.
            let (x, y) = unsafe { (vld1q_f32(pa.add(i + 4 * lane)), vld1q_f32(pb.add(i + 4 * lane))) };
            *sum = vfmaq_f32(*sum, x, y);
        }
        i += 16;
    }
    let sum = vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3]));
    vaddvq_f32(sum) + scalar(&a[i..length], &b[i..length])
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn avx2(a: &[f32], b: &[f32]) -> f32 {
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
    _mm_cvtss_f32(one) + scalar(&a[i..length], &b[i..length])
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
pub(super) fn avx512(a: &[f32], b: &[f32]) -> f32 {
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
