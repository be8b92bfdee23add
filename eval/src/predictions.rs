//! What was predicted for every judged picture, as one safetensors file: `scores` f32 [n, classes] of the linear probe,
//! `knn` i32 [n], and the truth, `labels` i32 [n] or `marks` u8 [n, classes] (0 absent, 1 difficult, 2 present). A method
//! that did not run has no tensor.

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use simclr_datasets::Mark;

use crate::{EvalError, Labels};

/// Predictions and truth of the judged pictures, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// How many classes there are; 0 where no probe was fitted.
    pub classes: usize,
    /// Row-major, pictures × classes: the linear probe's probabilities; empty where none was fitted.
    pub scores: Vec<f32>,
    /// What each picture shows.
    pub labels: Labels,
    /// The neighbours' class for each picture; empty where they did not vote.
    pub knn: Vec<usize>,
}

impl Predictions {
    /// None yet, of pictures with these labels.
    pub(crate) fn of(labels: Labels) -> Self {
        Self { classes: 0, scores: Vec::new(), labels, knn: Vec::new() }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, EvalError> {
        let count = self.labels.len();
        let scores: Vec<u8> = self.scores.iter().flat_map(|x| x.to_le_bytes()).collect();
        let (name, dtype, shape, truth) = match &self.labels {
            Labels::Classes(classes) => ("labels", Dtype::I32, vec![count], integers(classes)),
            Labels::Marks { classes, marks } => {
                ("marks", Dtype::U8, vec![count, *classes], marks.iter().map(|&mark| mark as u8).collect())
            }
        };
        let knn = integers(&self.knn);
        let parts = [
            ("scores", Dtype::F32, vec![count, self.classes], &scores),
            (name, dtype, shape, &truth),
            ("knn", Dtype::I32, vec![count], &knn),
        ];
        let mut tensors = Vec::new();
        for (name, dtype, shape, bytes) in parts.into_iter().filter(|part| !part.3.is_empty()) {
            tensors.push((name, TensorView::new(dtype, shape, bytes)?));
        }
        Ok(serialize(tensors, None)?)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let labels = match tensor(&file, "marks", Dtype::U8)? {
            Some(view) => read_marks(&view)?,
            None => Labels::Classes(read_integers(&file, "labels")?),
        };
        let (classes, scores) = match tensor(&file, "scores", Dtype::F32)? {
            None => (0, Vec::new()),
            Some(view) => {
                let numbers = view.data().chunks_exact(4);
                (columns(&view)?, numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
            }
        };
        if scores.len() != classes * labels.len() {
            return Err(format!(
                "{} scores for {} pictures of {classes} classes",
                scores.len(),
                labels.len()
            ));
        }
        Ok(Self { classes, scores, labels, knn: read_integers(&file, "knn")? })
    }
}

fn tensor<'a>(file: &SafeTensors<'a>, name: &str, dtype: Dtype) -> Result<Option<TensorView<'a>>, String> {
    match file.tensor(name) {
        Ok(tensor) if tensor.dtype() == dtype => Ok(Some(tensor)),
        Ok(tensor) => Err(format!("tensor `{name}` is {:?} where {dtype:?} is needed", tensor.dtype())),
        Err(_) => Ok(None),
    }
}

fn columns(view: &TensorView<'_>) -> Result<usize, String> {
    match view.shape() {
        &[_, columns] => Ok(columns),
        shape => Err(format!("a table has the shape {shape:?}")),
    }
}

fn read_marks(view: &TensorView<'_>) -> Result<Labels, String> {
    let mark = |&byte: &u8| match byte {
        0 => Ok(Mark::Absent),
        1 => Ok(Mark::Difficult),
        2 => Ok(Mark::Present),
        other => Err(format!("`marks` holds {other}")),
    };
    let marks = view.data().iter().map(mark).collect::<Result<_, _>>()?;
    Ok(Labels::Marks { classes: columns(view)?, marks })
}

fn read_integers(file: &SafeTensors<'_>, name: &str) -> Result<Vec<usize>, String> {
    let Some(view) = tensor(file, name, Dtype::I32)? else {
        return Ok(Vec::new());
    };
    let numbers = view.data().chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    numbers.map(|x| usize::try_from(x).map_err(|_| format!("`{name}` holds {x}"))).collect()
}

fn integers(numbers: &[usize]) -> Vec<u8> {
    numbers.iter().flat_map(|&x| i32::try_from(x).unwrap_or(i32::MAX).to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_as_written_and_absent_methods_stay_absent() {
        let whole = Predictions {
            classes: 3,
            scores: vec![0.5, 0.25, 0.25, 0.0, 1.0, 0.0],
            labels: Labels::Classes(vec![0, 2]),
            knn: vec![1, 1],
        };
        let again = |p: &Predictions| Predictions::from_bytes(&p.to_bytes().unwrap()).unwrap();
        assert_eq!(again(&whole), whole);
        let none = Predictions::of(whole.labels.clone());
        assert_eq!(again(&none), none);
        let marks =
            vec![Mark::Absent, Mark::Difficult, Mark::Present, Mark::Present, Mark::Absent, Mark::Absent];
        let several =
            Predictions { labels: Labels::Marks { classes: 3, marks }, knn: vec![], ..whole.clone() };
        assert_eq!(again(&several), several);
        assert!(Predictions::from_bytes(b"12345678 no").is_err());
        let torn = Predictions { labels: Labels::Classes(vec![0, 2, 1]), ..whole };
        assert!(torn.to_bytes().is_err());
    }
}
