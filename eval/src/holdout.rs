//! Which rows of any labels are set aside: seeded, and the same share of every class. Samples of a dataset are divided by
//! [`simclr_datasets::set_aside`] instead, which does not depend on their order.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use simclr_datasets::share_of;

/// Splits the indices of `labels` into those kept and those set aside, both in rising order; of a class with at least two
/// samples, at least one is on each side.
pub fn hold_out(labels: &[usize], classes: usize, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut by_class = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        by_class[label].push(index);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut kept, mut aside) = (Vec::new(), Vec::new());
    for mut indices in by_class {
        indices.shuffle(&mut random);
        let count = share_of(indices.len(), share);
        aside.extend_from_slice(&indices[..count]);
        kept.extend_from_slice(&indices[count..]);
    }
    kept.sort_unstable();
    aside.sort_unstable();
    (kept, aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_gives_its_share_and_nothing_is_lost() {
        let labels: Vec<usize> =
            (0..1000).map(|i| if i < 700 { 0 } else { 1 + i % 2 }).chain([3, 4, 4]).collect();
        let (kept, aside) = hold_out(&labels, 5, 0.1, 7);
        let count = |class| aside.iter().filter(|&&i| labels[i] == class).count();
        assert_eq!([count(0), count(1), count(2), count(3), count(4)], [70, 15, 15, 0, 1]);
        let mut all: Vec<usize> = kept.iter().chain(&aside).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
        assert_eq!(hold_out(&labels, 5, 0.1, 7), (kept.clone(), aside));
        assert_ne!(hold_out(&labels, 5, 0.1, 8).0, kept);
    }
}
