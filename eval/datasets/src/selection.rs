//! Which pictures are set aside: a rule that anyone can repeat in any language, whatever the order of files.
//!
//! Within each class, pictures are sorted by the SHA-256 of `<purpose>:<seed>:<name>` in UTF-8, and the first few are set
//! aside. Names are those of [`Sample::name`], so the choice does not depend on machine, folder or layout.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::{Label, Sample};

/// Rows kept and rows set aside, both rising; `count` says how many of a class's so many pictures. Pictures that may show
/// several classes are one group.
pub fn set_aside(
    samples: &[Sample],
    purpose: &str,
    seed: u64,
    count: impl Fn(usize) -> usize,
) -> (Vec<usize>, Vec<usize>) {
    let mut groups: BTreeMap<usize, Vec<([u8; 32], usize)>> = BTreeMap::new();
    for (row, sample) in samples.iter().enumerate() {
        let class = match &sample.label {
            Label::Class(class) => *class,
            Label::Marks(_) => 0,
        };
        let digest = Sha256::digest(format!("{purpose}:{seed}:{}", sample.name()).as_bytes());
        groups.entry(class).or_default().push((digest.into(), row));
    }
    let (mut kept, mut aside) = (Vec::new(), Vec::new());
    for mut group in groups.into_values() {
        group.sort_unstable();
        let (first, rest) = group.split_at(count(group.len()).min(group.len()));
        aside.extend(first.iter().map(|&(_, row)| row));
        kept.extend(rest.iter().map(|&(_, row)| row));
    }
    kept.sort_unstable();
    aside.sort_unstable();
    (kept, aside)
}

/// This share of a class, rounded; where there are two pictures, at least one and not all.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are small and the share is between 0 and 1"
)]
pub fn share_of(count: usize, share: f64) -> usize {
    if count < 2 { 0 } else { ((count as f64 * share).round() as usize).clamp(1, count - 1) }
}

/// The SHA-256, in hexadecimal, of the samples' sorted names, each with a line feed: what splits are pinned by.
pub fn fingerprint<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> String {
    let mut names: Vec<String> = samples.into_iter().map(Sample::name).collect();
    names.sort();
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update(b"\n");
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
