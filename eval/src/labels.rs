//! The labels of many samples: samples in, one class each or one mark a class each out. Knows no embedding.

use simclr_datasets::{Label, Mark, Sample, class_labels};

use crate::EvalError;

/// What some samples are known to show, in the samples' order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// One class a sample.
    Classes(Vec<usize>),
    /// One mark a sample and class.
    Marks {
        /// Length of a row.
        classes: usize,
        /// Samples × classes, row-major.
        marks: Vec<Mark>,
    },
}

impl Labels {
    /// The labels of samples, which must all be of one kind.
    ///
    /// # Errors
    /// When some samples have a class and others marks, or rows of marks differ in length.
    pub fn of(samples: &[Sample]) -> Result<Self, EvalError> {
        let Some(Label::Marks(first)) = samples.first().map(|sample| &sample.label) else {
            return Ok(Self::Classes(class_labels(samples)?));
        };
        let classes = first.len();
        let mut marks = Vec::with_capacity(samples.len() * classes);
        for sample in samples {
            match &sample.label {
                Label::Marks(row) if row.len() == classes => marks.extend_from_slice(row),
                _ => {
                    let problem = format!("{}: its labels are of another kind or number", sample.name());
                    return Err(EvalError::Labels(problem));
                }
            }
        }
        Ok(Self::Marks { classes, marks })
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Marks { classes, marks } => marks.len() / (*classes).max(1),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The named rows, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes(classes) => Self::Classes(rows.iter().map(|&row| classes[row]).collect()),
            Self::Marks { classes, marks } => {
                let row = |&row: &usize| &marks[row * classes..(row + 1) * classes];
                Self::Marks { classes: *classes, marks: rows.iter().flat_map(row).copied().collect() }
            }
        }
    }

    /// The class of every sample.
    ///
    /// # Errors
    /// When they have marks.
    pub fn classes(&self) -> Result<&[usize], EvalError> {
        match self {
            Self::Classes(classes) => Ok(classes),
            Self::Marks { .. } => Err(EvalError::Labels(
                "this needs one class a picture; these pictures may show several".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_either_kind_are_selected() {
        let classes = Labels::Classes(vec![4, 5, 6]);
        assert_eq!(classes.select(&[2, 0]), Labels::Classes(vec![6, 4]));
        let (a, d, p) = (Mark::Absent, Mark::Difficult, Mark::Present);
        let marks = Labels::Marks { classes: 2, marks: vec![a, a, d, p, p, a] };
        assert_eq!((marks.len(), classes.len()), (3, 3));
        assert_eq!(marks.select(&[2, 1]), Labels::Marks { classes: 2, marks: vec![p, a, d, p] });
        assert_eq!(classes.classes().unwrap(), [4, 5, 6]);
        assert!(marks.classes().unwrap_err().to_string().contains("one class a picture"));
    }
}
