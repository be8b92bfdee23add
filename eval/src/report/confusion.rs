//! Which classes a probe takes for which: predictions and truth in, counts out. For one class a picture.

use serde::Serialize;

use crate::{Labels, Predictions, metrics};

/// Counts of pictures by true class and guessed class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Confusion {
    /// Classes.
    pub(crate) classes: usize,
    /// `classes`², true class by true class.
    pub(crate) counts: Vec<usize>,
    /// The guess for each picture, in order.
    pub(crate) guesses: Vec<usize>,
    /// The truth for each picture, in order.
    pub(crate) truths: Vec<usize>,
}

/// How one class fared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ClassResult {
    /// The class.
    pub(crate) name: String,
    /// Its judged pictures.
    pub(crate) pictures: usize,
    /// Those guessed right.
    pub(crate) right: usize,
    /// The same, in percent.
    pub(crate) percent: f64,
}

/// Pictures of one class taken for another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Confused {
    /// What they show.
    pub(crate) shows: String,
    /// What they were taken for.
    pub(crate) taken_for: String,
    /// How many.
    pub(crate) pictures: usize,
    /// Share of all pictures of the class, in percent.
    pub(crate) percent: f64,
}

impl Confusion {
    /// Of the linear probe's predictions, or the neighbours' where there is no probe; none where pictures show several
    /// classes or nothing was predicted.
    pub(crate) fn of(predictions: &Predictions, classes: usize) -> Option<Self> {
        let Labels::Classes(truths) = &predictions.labels else { return None };
        let guesses: Vec<usize> = if predictions.classes > 0 {
            predictions.scores.chunks_exact(predictions.classes).map(metrics::first_highest).collect()
        } else {
            predictions.knn.clone()
        };
        let fits =
            guesses.len() == truths.len() && guesses.iter().chain(truths).all(|&class| class < classes);
        if !fits || guesses.is_empty() {
            return None;
        }
        let mut counts = vec![0; classes * classes];
        truths.iter().zip(&guesses).for_each(|(truth, guess)| counts[truth * classes + guess] += 1);
        Some(Self { classes, counts, guesses, truths: truths.clone() })
    }

    /// The row of a true class.
    pub(crate) fn row(&self, class: usize) -> &[usize] {
        &self.counts[class * self.classes..(class + 1) * self.classes]
    }

    /// How each class fared, in the order of classes; those without a picture are left out.
    pub(crate) fn by_class(&self, names: &[String]) -> Vec<ClassResult> {
        let result = |(class, name): (usize, &String)| {
            let (pictures, right) = (self.row(class).iter().sum(), self.row(class)[class]);
            (pictures > 0).then(|| ClassResult {
                name: name.clone(),
                pictures,
                right,
                percent: percent(right, pictures),
            })
        };
        names.iter().enumerate().filter_map(result).collect()
    }

    /// The pairs most often confused, most first, of equal ones in the order of classes.
    pub(crate) fn most_confused(&self, names: &[String], at_most: usize) -> Vec<Confused> {
        let cells = self
            .counts
            .iter()
            .enumerate()
            .filter(|&(cell, &n)| n > 0 && cell / self.classes != cell % self.classes);
        let mut cells: Vec<(usize, usize)> = cells.map(|(cell, &n)| (cell, n)).collect();
        cells.sort_by_key(|&(cell, n)| (std::cmp::Reverse(n), cell));
        let confused = |&(cell, pictures): &(usize, usize)| {
            let (truth, guess) = (cell / self.classes, cell % self.classes);
            let all = self.row(truth).iter().sum();
            Confused {
                shows: names[truth].clone(),
                taken_for: names[guess].clone(),
                pictures,
                percent: percent(pictures, all),
            }
        };
        cells.iter().take(at_most).map(confused).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn percent(part: usize, whole: usize) -> f64 {
    // Two digits are all that is ever shown, and the same on every machine.
    (1e4 * part as f64 / whole.max(1) as f64).round() / 1e2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    #[test]
    fn counts_by_hand() {
        let guesses = [0, 1, 1, 0, 1, 1, 1];
        let mut predictions = Predictions {
            classes: 3,
            scores: guesses
                .iter()
                .flat_map(|&g| (0..3).map(move |c| if c == g { 0.9 } else { 0.05 }))
                .collect(),
            labels: Labels::Classes(vec![0, 0, 0, 1, 1, 2, 2]),
            knn: vec![],
        };
        let confusion = Confusion::of(&predictions, 3).unwrap();
        assert_eq!(confusion.counts, [1, 2, 0, 1, 1, 0, 0, 2, 0]);
        let by_class = confusion.by_class(&names());
        assert_eq!(by_class[0], ClassResult { name: "a".into(), pictures: 3, right: 1, percent: 33.33 });
        assert_eq!(by_class[2].right, 0);
        let worst = confusion.most_confused(&names(), 2);
        assert_eq!((worst[0].shows.as_str(), worst[0].taken_for.as_str(), worst[0].pictures), ("a", "b", 2));
        assert_eq!((worst[1].shows.as_str(), worst[1].percent), ("c", 100.0));
        predictions.classes = 0;
        predictions.knn = vec![0; 7];
        assert_eq!(Confusion::of(&predictions, 3).unwrap().counts, [3, 0, 0, 2, 0, 0, 2, 0, 0]);
        predictions.knn = vec![3; 7];
        assert_eq!(Confusion::of(&predictions, 3), None);
    }
}
