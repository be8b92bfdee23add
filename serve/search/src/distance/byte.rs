//! Dot products of a query with many rows of 8-bit codes, for a first look that f32 then corrects.
//!
//! A code is a number from -127 to 127 stored plus 128, because the widest instruction multiplies unsigned by signed
//! bytes. Rows are as long as the query, a multiple of 64; the callers have checked that. Results are exact integers.

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::*;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::CodeQuery;

/// The slow honest twin of the others.
pub(super) fn scalar(query: &CodeQuery, codes: &[u8], nodes: &[u32], dots: &mut Vec<i32>) {
    let stride = query.codes().len();
    dots.extend(nodes.iter().map(|&node| {
        let row = &codes[node as usize * stride..][..stride];
        let products = row.iter().zip(query.codes()).map(|(&c, &q)| (i32::from(c) - 128) * i32::from(q));
        products.sum::<i32>()
    }));
}

/// # Safety
/// NEON is there, every node is a row of `codes`, and the query's length is a multiple of 64.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
pub(super) unsafe fn neon(query: &CodeQuery, codes: &[u8], nodes: &[u32], dots: &mut Vec<i32>) {
    let (stride, q) = (query.codes().len(), query.codes().as_ptr());
    let flip = vdupq_n_u8(128);
    for &node in nodes {
        let mut sum = vdupq_n_s32(0);
        for i in (0..stride).step_by(16) {
            // SAFETY: the callers promise that the row lies in `codes`, and i + 16 <= stride.
            let (row, query) =
                unsafe { (vld1q_u8(codes.as_ptr().add(node as usize * stride + i)), vld1q_s8(q.add(i))) };
            let row = vreinterpretq_s8_u8(veorq_u8(row, flip));
            sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(row), vget_low_s8(query)));
            sum = vpadalq_s16(sum, vmull_s8(vget_high_s8(row), vget_high_s8(query)));
        }
        dots.push(vaddvq_s32(sum));
    }
}

/// # Safety
/// AVX2 is there, every node is a row of `codes`, and the query's length is a multiple of 64.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2(query: &CodeQuery, codes: &[u8], nodes: &[u32], dots: &mut Vec<i32>) {
    let (stride, q) = (query.codes().len(), query.codes().as_ptr());
    for &node in nodes {
        let mut sums = [_mm256_setzero_si256(); 2];
        for i in (0..stride).step_by(32) {
            for (half, sum) in sums.iter_mut().enumerate() {
                let at = i + 16 * half;
                // SAFETY: the callers promise that the row lies in `codes`, and at + 16 <= stride.
                let (row, query) = unsafe {
                    let row = codes.as_ptr().add(node as usize * stride + at);
                    (_mm_loadu_si128(row.cast()), _mm_loadu_si128(q.add(at).cast()))
                };
                // Bytes multiplied as such would overflow 16 bits.
                let product = _mm256_madd_epi16(_mm256_cvtepu8_epi16(row), _mm256_cvtepi8_epi16(query));
                *sum = _mm256_add_epi32(*sum, product);
            }
        }
        let sum = _mm256_add_epi32(sums[0], sums[1]);
        let half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
        let pair = _mm_add_epi32(half, _mm_shuffle_epi32::<0b00_00_11_10>(half));
        let one = _mm_add_epi32(pair, _mm_shuffle_epi32::<0b00_00_00_01>(pair));
        dots.push(_mm_cvtsi128_si32(one) - query.offset());
    }
}

/// # Safety
/// AVX-512 F, BW and VNNI are there, every node is a row of `codes`, and the query's length is a multiple of 64.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn vnni(query: &CodeQuery, codes: &[u8], nodes: &[u32], dots: &mut Vec<i32>) {
    let (stride, q) = (query.codes().len(), query.codes().as_ptr());
    let (fours, rest) = nodes.as_chunks::<4>();
    for four in fours {
        let rows = four.map(|node| codes.as_ptr().wrapping_add(node as usize * stride));
        let mut sums = [_mm512_setzero_si512(); 4];
        for i in (0..stride).step_by(64) {
            // SAFETY: the callers promise that the rows lie in `codes`, and i + 64 <= stride.
            let query = unsafe { _mm512_loadu_si512(q.add(i).cast()) };
            for (sum, row) in sums.iter_mut().zip(rows) {
                // SAFETY: as above.
                let row = unsafe { _mm512_loadu_si512(row.add(i).cast()) };
                *sum = _mm512_dpbusd_epi32(*sum, row, query);
            }
        }
        let sums = four_sums(sums);
        dots.extend(sums.map(|sum| sum - query.offset()));
    }
    for &node in rest {
        let mut sum = _mm512_setzero_si512();
        for i in (0..stride).step_by(64) {
            // SAFETY: as above.
            let (row, query) = unsafe {
                let row = codes.as_ptr().add(node as usize * stride + i);
                (_mm512_loadu_si512(row.cast()), _mm512_loadu_si512(q.add(i).cast()))
            };
            sum = _mm512_dpbusd_epi32(sum, row, query);
        }
        dots.push(_mm512_reduce_add_epi32(sum) - query.offset());
    }
}

/// The sums of the sixteen numbers of each of four registers, taken together rather than one after the other.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn four_sums(sums: [__m512i; 4]) -> [i32; 4] {
    let halves =
        sums.map(|sum| _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64::<1>(sum)));
    let pairs = [_mm256_hadd_epi32(halves[0], halves[1]), _mm256_hadd_epi32(halves[2], halves[3])];
    let both = _mm256_hadd_epi32(pairs[0], pairs[1]);
    let four = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256::<1>(both));
    [
        _mm_extract_epi32::<0>(four),
        _mm_extract_epi32::<1>(four),
        _mm_extract_epi32::<2>(four),
        _mm_extract_epi32::<3>(four),
    ]
}
