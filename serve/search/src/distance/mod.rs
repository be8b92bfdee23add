//! Dot products with the widest instructions this machine has, chosen while running.
//!
//! Vectors in, dot products out: of 32-bit floats, and of 8-bit codes for a first look at many. Every kernel agrees with
//! the scalar one, exactly for codes and up to rounding for floats. Nothing but this folder, the mapping of files and
//! questions to the system contains `unsafe`.

mod byte;
mod float;
mod product;
mod quantise;

pub(crate) use self::product::product;
pub(crate) use self::quantise::{CodeQuery, Coded, CodedRow, Scale, Table, append_codes, padded};

/// A way to compute dot products that this machine is known to support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Level);

/// Private, so that no kernel exists without its instructions having been detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Scalar,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// With byte products added up in one instruction (VNNI).
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Kernel {
    /// All that this machine supports, slowest first.
    pub fn available() -> Vec<Kernel> {
        #[allow(unused_mut)]
        let mut kernels = vec![Kernel(Level::Scalar)];
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kernels.push(Kernel(Level::Neon));
        }
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            let vnni = avx512 && is_x86_feature_detected!("avx512vnni");
            let levels = [(avx2, Level::Avx2), (avx512, Level::Avx512), (vnni, Level::Avx512Vnni)];
            kernels.extend(levels.into_iter().filter(|(there, _)| *there).map(|(_, level)| Kernel(level)));
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
            #[cfg(target_arch = "aarch64")]
            Level::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => "avx512-vnni",
        }
    }

    /// The dot product of `a` and `b` over their common length.
    #[inline]
    pub fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        match self.0 {
            Level::Scalar => float::scalar(a, b),
            // SAFETY: a `Kernel` of this level is only made after its features were detected; so below.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { float::neon(a, b) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { float::avx2(a, b) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni => unsafe { float::avx512(a, b) },
        }
    }

    /// The dot products of `query` with each row of `rows`, in order; one choice of kernel for all of them.
    pub fn dots(self, query: &[f32], rows: &[f32], scores: &mut Vec<f32>) {
        scores.clear();
        let rows = rows.chunks_exact(query.len().max(1));
        match self.0 {
            Level::Scalar => scores.extend(rows.map(|row| float::scalar(query, row))),
            // SAFETY: a `Kernel` of this level is only made after its features were detected; so below.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => scores.extend(rows.map(|row| unsafe { float::neon(query, row) })),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => scores.extend(rows.map(|row| unsafe { float::avx2(query, row) })),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni => {
                scores.extend(rows.map(|row| unsafe { float::avx512(query, row) }));
            }
        }
    }

    /// The dot products of a query with the codes of `nodes`: row `i` of `codes` is `query.len()` bytes from
    /// `i · query.len()`, each byte a number plus 128.
    ///
    /// The length of a query is a multiple of 64 and every node a row of `codes`, or this panics.
    #[inline]
    pub(crate) fn code_dots(self, query: &CodeQuery, codes: &[u8], nodes: &[u32], dots: &mut Vec<i32>) {
        let stride = query.codes().len();
        let rows = codes.len() / stride.max(1);
        assert!(stride.is_multiple_of(64) && nodes.iter().all(|&node| (node as usize) < rows));
        dots.clear();
        match self.0 {
            Level::Scalar => byte::scalar(query, codes, nodes, dots),
            // SAFETY: a `Kernel` of this level is only made after its features were detected, and the lengths were
            // checked above; so below.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { byte::neon(query, codes, nodes, dots) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::Avx512 => unsafe { byte::avx2(query, codes, nodes, dots) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => unsafe { byte::vnni(query, codes, nodes, dots) },
        }
    }

    /// Asks for `bytes` bytes of `codes` from `start` to be near when they are needed.
    #[inline]
    pub(crate) fn prefetch(self, codes: &[u8], start: usize, bytes: usize) {
        #[cfg(target_arch = "x86_64")]
        for at in (start..start + bytes.min(PREFETCH_MAX)).step_by(64) {
            // SAFETY: a hint only; nothing is read, whatever the address.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
                    codes.as_ptr().wrapping_add(at).cast(),
                );
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (codes, start, bytes);
    }
}

/// Bytes of a row asked for ahead; the rest comes by itself once the row is read in order.
const PREFETCH_MAX: usize = 512;

#[cfg(test)]
mod tests;
