//! One encoder, or several copies of it that embed batches side by side.
//!
//! A copy that computes with one thread never waits for another in the middle of a batch, so as many copies as threads
//! embed more than one copy with all of them; each holds the network's weights, which bounds how many there are.

use std::path::Path;

use simclr_models::Encoder;

/// More copies than this are not opened.
const COPIES_MAX: usize = 8;
/// Bytes of weights that all copies together may hold.
const WEIGHTS_MAX: u64 = 2 << 30;

/// At least one encoder; all of them give the same embeddings.
pub struct Encoders(Vec<Box<dyn Encoder>>);

impl Encoders {
    /// One that computes with as many threads as it likes.
    pub fn one(encoder: impl Encoder + 'static) -> Self {
        Self(vec![Box::new(encoder)])
    }

    /// Copies of the network in `file` that together compute with `threads` threads; `open` is told how many each has.
    ///
    /// # Errors
    /// What `open` says.
    pub(crate) fn side_by_side<E: Encoder + 'static, F>(
        file: &Path,
        threads: usize,
        open: impl Fn(usize) -> Result<E, F>,
    ) -> Result<Self, F> {
        // Whoever opens a file that is not there says so.
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let boxed = |threads| open(threads).map(|encoder| Box::new(encoder) as Box<dyn Encoder>);
        shares(threads, bytes).into_iter().map(boxed).collect::<Result<_, _>>().map(Self)
    }

    /// Length of every embedding.
    pub fn embedding_len(&self) -> usize {
        self.0.first().map_or(0, |encoder| encoder.embedding_len())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Box<dyn Encoder>> {
        self.0.iter_mut()
    }
}

/// Threads of each copy of a network with so many bytes of weights.
fn shares(threads: usize, bytes: u64) -> Vec<usize> {
    let fitting = usize::try_from(WEIGHTS_MAX / bytes.max(1)).unwrap_or(usize::MAX);
    let copies = threads.min(COPIES_MAX).min(fitting).max(1);
    (0..copies).map(|i| threads.max(1) * (i + 1) / copies - threads.max(1) * i / copies).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_belongs_to_one_copy_and_large_networks_have_few() {
        assert_eq!(shares(0, 1), [1]);
        assert_eq!(shares(2, 3_000_000), [1, 1]);
        assert_eq!(shares(13, 100 << 20), [1, 2, 1, 2, 2, 1, 2, 2]);
        assert_eq!(shares(16, 800 << 20), [8, 8]);
        assert_eq!(shares(4, 3 << 30), [4]);
    }
}
