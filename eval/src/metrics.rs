//! How often the right class is among the first guesses.

/// In percent, how many of `rows` have their label among the `k` highest scores; of equal scores the lower class is
/// guessed first.
pub fn top_k<'a>(rows: impl IntoIterator<Item = (&'a [f32], usize)>, k: usize) -> f64 {
    let (mut hits, mut all) = (0_u32, 0_u32);
    for (scores, label) in rows {
        hits += u32::from(place(scores, label) < k);
        all += 1;
    }
    100.0 * f64::from(hits) / f64::from(all.max(1))
}

/// The class guessed first: the highest score, of equal ones the lower class.
pub fn first_highest(scores: &[f32]) -> usize {
    let better = |best: usize, class: usize| if scores[class] > scores[best] { class } else { best };
    (0..scores.len()).reduce(better).unwrap_or(0)
}

/// How many classes are guessed before `label`.
fn place(scores: &[f32], label: usize) -> usize {
    let own = scores[label];
    scores
        .iter()
        .enumerate()
        .filter(|&(class, &score)| score > own || (score == own && class < label))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_hits_and_breaks_ties_by_class() {
        let scores = [[0.1, 0.5, 0.4], [0.2, 0.2, 0.2], [0.0, 0.1, 0.9], [0.4, 0.3, 0.3]];
        let rows =
            |labels: [usize; 4]| scores.iter().map(<[f32; 3]>::as_slice).zip(labels).collect::<Vec<_>>();
        assert!((top_k(rows([1, 0, 2, 0]), 1) - 100.0).abs() < 1e-12);
        assert!((top_k(rows([2, 1, 2, 2]), 1) - 25.0).abs() < 1e-12);
        assert!((top_k(rows([2, 1, 2, 2]), 2) - 75.0).abs() < 1e-12);
        assert!(top_k(std::iter::empty(), 1).abs() < 1e-12);
        assert_eq!(scores.map(|row| first_highest(&row)), [1, 0, 2, 0]);
    }
}
