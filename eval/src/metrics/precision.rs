//! Average precision as the PASCAL VOC devkits have it: scores and marks in, a percentage out. Knows no classifier.

use simclr_datasets::Mark;

/// At which recalls precision is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recall {
    /// At 0, 0.1, … 1: the rule of VOC2007 and of the paper's table.
    Eleven,
    /// Wherever it changes, under the decreasing envelope: the rule since VOC2010.
    All,
}

/// What a difficult mark counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifficultRule {
    /// Neither a hit nor a false alarm: the devkit's rule.
    Ignored,
    /// Absent, as some reimplementations have it.
    Negative,
}

/// The rows of one class from the highest score to the lowest, of equal scores the earlier row first.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Row, and whether it is a positive.
    rows: Vec<(u32, bool)>,
}

impl Ranking {
    /// Ranks rows by `score`; `mark` says what each is.
    pub fn new(
        rows: usize,
        score: impl Fn(usize) -> f64,
        mark: impl Fn(usize) -> Mark,
        difficult: DifficultRule,
    ) -> Self {
        let counts = |row: &usize| mark(*row) != Mark::Difficult || difficult == DifficultRule::Negative;
        let mut order: Vec<usize> = (0..rows).filter(counts).collect();
        order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
        #[expect(clippy::cast_possible_truncation, reason = "fewer than 2^32 pictures")]
        let rows = order.into_iter().map(|row| (row as u32, mark(row) == Mark::Present)).collect();
        Self { rows }
    }

    /// Between 0 and 1, with each row counted `counts[row]` times; `None` without a positive.
    pub fn average_precision(&self, recall: Recall, counts: &[u32]) -> Option<f64> {
        let count = |row: u32| u64::from(counts[row as usize]);
        let all: u64 = self.rows.iter().filter(|(_, positive)| *positive).map(|(row, _)| count(*row)).sum();
        if all == 0 {
            return None;
        }
        // (positives up to here, of which new, precision) wherever recall grows.
        let mut points: Vec<(u64, u64, f64)> = Vec::new();
        let (mut hits, mut seen) = (0, 0);
        for &(row, positive) in &self.rows {
            let times = count(row);
            seen += times;
            if positive && times > 0 {
                hits += times;
                points.push((hits, times, ratio(hits, seen)));
            }
        }
        // From the lowest recall up, the highest precision at that recall or a higher one.
        let mut most = 0.0_f64;
        for point in points.iter_mut().rev() {
            most = most.max(point.2);
            point.2 = most;
        }
        Some(match recall {
            Recall::All => points.iter().map(|(_, new, precision)| ratio(*new, all) * precision).sum(),
            Recall::Eleven => {
                let reaches = |tenth: u64| points.iter().find(|(hits, ..)| 10 * hits >= tenth * all);
                (0..=10).map(|tenth| reaches(tenth).map_or(0.0, |point| point.2)).sum::<f64>() / 11.0
            }
        })
    }
}

/// In percent, the average precision averaged over the classes that have a positive; `scores` and `marks` are rows ×
/// `classes`.
pub fn mean_average_precision(
    scores: &[f64],
    marks: &[Mark],
    classes: usize,
    recall: Recall,
    difficult: DifficultRule,
) -> f64 {
    let counts = vec![1; marks.len() / classes.max(1)];
    mean_of(&rankings(scores, marks, classes, difficult), recall, &counts)
}

/// One ranking a class.
pub(super) fn rankings<T: Copy + Into<f64>>(
    scores: &[T],
    marks: &[Mark],
    classes: usize,
    difficult: DifficultRule,
) -> Vec<Ranking> {
    let rows = marks.len() / classes.max(1);
    let ranking = |class: usize| {
        let at = |row: usize| row * classes + class;
        Ranking::new(rows, |row| scores[at(row)].into(), |row| marks[at(row)], difficult)
    };
    (0..classes).map(ranking).collect()
}

/// In percent, over the classes that have a positive; 0 where none has.
pub(super) fn mean_of(rankings: &[Ranking], recall: Recall, counts: &[u32]) -> f64 {
    let known: Vec<f64> = rankings.iter().filter_map(|r| r.average_precision(recall, counts)).collect();
    100.0 * known.iter().sum::<f64>() / ratio(known.len().max(1) as u64, 1)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Mark = Mark::Present;
    const A: Mark = Mark::Absent;
    const D: Mark = Mark::Difficult;

    /// Rows already from the highest score down.
    fn precision(marks: &[Mark], recall: Recall, difficult: DifficultRule) -> f64 {
        let score = |row: usize| -(row as f64);
        let ranking = Ranking::new(marks.len(), score, |row| marks[row], difficult);
        ranking.average_precision(recall, &vec![1; marks.len()]).unwrap()
    }

    /// The lines of the devkit (VOCevalcls.m, VOCap.m), with their own loops.
    fn devkit(marks: &[Mark], recall: Recall) -> f64 {
        let (mut tp, mut fp) = (0.0, 0.0);
        let all = marks.iter().filter(|m| **m == P).count() as f64;
        let (mut rec, mut prec) = (Vec::new(), Vec::new());
        for mark in marks {
            tp += f64::from(u8::from(*mark == P));
            fp += f64::from(u8::from(*mark == A));
            rec.push(tp / all);
            prec.push(tp / (tp + fp));
        }
        match recall {
            Recall::Eleven => {
                let at = |t: f64| {
                    let reached = rec.iter().zip(&prec).filter(|(r, p)| **r >= t - 1e-12 && !p.is_nan());
                    reached.map(|(_, p)| *p).fold(0.0, f64::max)
                };
                (0..=10).map(|t| at(f64::from(t) / 10.0)).sum::<f64>() / 11.0
            }
            Recall::All => {
                let mut mrec = vec![0.0];
                mrec.extend(&rec);
                mrec.push(1.0);
                let mut mpre = vec![0.0];
                mpre.extend(prec.iter().map(|p| if p.is_nan() { 0.0 } else { *p }));
                mpre.push(0.0);
                for i in (0..mpre.len() - 1).rev() {
                    mpre[i] = mpre[i].max(mpre[i + 1]);
                }
                (1..mrec.len()).map(|i| (mrec[i] - mrec[i - 1]) * mpre[i]).sum()
            }
        }
    }

    #[test]
    fn cases_by_hand() {
        use DifficultRule::{Ignored, Negative};
        // Recalls 1/2 at precision 1, 1 at 2/3: six points at 1, five at 2/3.
        let marks = [P, A, P, A];
        assert!((precision(&marks, Recall::Eleven, Ignored) - (6.0 + 5.0 * 2.0 / 3.0) / 11.0).abs() < 1e-12);
        assert!((precision(&marks, Recall::All, Ignored) - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
        // A difficult row first costs nothing when ignored, and a false alarm when negative.
        let marks = [D, P];
        assert!((precision(&marks, Recall::Eleven, Ignored) - 1.0).abs() < 1e-12);
        assert!((precision(&marks, Recall::Eleven, Negative) - 0.5).abs() < 1e-12);
        // The only positive last: precision 1/4 everywhere.
        assert!((precision(&[A, A, A, P], Recall::Eleven, Ignored) - 0.25).abs() < 1e-12);
        // Precision that rises later counts at lower recalls too.
        assert!((precision(&[A, P, P, P], Recall::All, Ignored) - 0.75).abs() < 1e-12);
        assert!(Ranking::new(2, |_| 0.0, |_| A, Ignored).average_precision(Recall::All, &[1, 1]).is_none());
    }

    #[test]
    fn agrees_with_the_devkits_lines_and_counts_are_repeated_rows() {
        let mut state = 7_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for _ in 0..200 {
            let length = 1 + random() % 40;
            let mut marks: Vec<Mark> = (0..length).map(|_| [A, P, D][(random() % 3) as usize]).collect();
            marks[0] = P;
            for recall in [Recall::Eleven, Recall::All] {
                let found = precision(&marks, recall, DifficultRule::Ignored);
                assert!((found - devkit(&marks, recall)).abs() < 1e-12, "{recall:?} {marks:?}");
                let counts: Vec<u32> = marks.iter().map(|_| (random() % 4) as u32).collect();
                let repeated: Vec<Mark> =
                    marks.iter().zip(&counts).flat_map(|(m, c)| vec![*m; *c as usize]).collect();
                let ranking =
                    Ranking::new(marks.len(), |r| -(r as f64), |r| marks[r], DifficultRule::Ignored);
                if let Some(found) = ranking.average_precision(recall, &counts) {
                    assert!(
                        (found - devkit(&repeated, recall)).abs() < 1e-12,
                        "{recall:?} {marks:?} {counts:?}"
                    );
                }
            }
        }
    }
}
