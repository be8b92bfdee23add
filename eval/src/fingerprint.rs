//! What a result depends on, as one hash: a kept result is used again only where the hash is the same.

use sha2::{Digest, Sha256};
use simclr_datasets::{Dataset, Sample};

use crate::{Options, Parts, Source};

/// Rises when features or results are computed otherwise, so that kept ones are not used again.
const VERSION: &str = "2";

/// Of the features of some samples: the encoder's file, how pictures are prepared, which samples in which order, and what
/// tells a replaced picture from the one that it replaced.
pub(crate) fn of_features(source: &Source, samples: &[Sample]) -> String {
    let mut hash = Hash::new("features");
    hash.add(&source.space_key);
    hash.add(&format!("{:?}", source.recipe));
    for sample in samples {
        hash.add(&sample.name());
        hash.add(&sample.stamp().to_string());
    }
    hash.finish()
}

/// Of one encoder's outcome on one dataset.
pub(crate) fn of_outcome(source: &Source, dataset: &Dataset, parts: &Parts, options: &Options) -> String {
    let mut hash = Hash::new("outcome");
    hash.add(&source.name);
    hash.add(&of_features(source, &parts.known));
    hash.add(&of_features(source, &parts.test));
    hash.add(&dataset.name);
    dataset.classes.iter().for_each(|class| hash.add(class));
    for sample in parts.known.iter().chain(&parts.test) {
        hash.add(&format!("{:?}", sample.label));
    }
    hash.add(&format!("{:?} {:?} {}", parts.train, parts.validation, source.is_centred));
    hash.add(&format!("{options:?}"));
    hash.finish()
}

/// A running hash of texts, each with its end, so that `ab, c` and `a, bc` differ.
struct Hash(Sha256);

impl Hash {
    fn new(of: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.add(VERSION);
        hash.add(of);
        hash
    }

    fn add(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    /// 128 bits of it, in hexadecimal.
    fn finish(self) -> String {
        self.0.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_do_not_run_together() {
        let of = |texts: &[&str]| {
            let mut hash = Hash::new("test");
            texts.iter().for_each(|text| hash.add(text));
            hash.finish()
        };
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&[]).len(), 32);
    }
}
