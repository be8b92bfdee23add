//! A fitted linear classifier: embeddings in, a probability for each class out.
//!
//! Made by [`Probe::new`] from a fit, kept in one safetensors file, checked whenever it is read. Knows neither pictures
//! nor encoders, only the embedding space it was fitted in.

mod blocks;
mod cholesky;
mod file;
mod judge;
mod known;
mod lbfgs;
mod line_search;
mod loss;
mod moments;
mod objective;
mod path;
mod products;
mod span;
mod sweep;
mod tridiagonal;
mod validated;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::EvalError;
pub use sweep::{Fitted, Pinned, Trial, fit, fit_path, penalties, sweep};
pub use validated::{Validation, fit_validated};

/// What a classifier's scores are turned into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One class is right: probabilities that sum to 1.
    #[default]
    Softmax,
    /// Any number of classes are: a probability for each by itself.
    OneVsRest,
}

/// A linear classifier over embeddings of one space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What it is called; also its file's name.
    pub name: String,
    /// What it was fitted on.
    pub data: String,
    /// Class names, in the order of the probabilities.
    pub classes: Vec<String>,
    /// The artefact's space key: embeddings of another space mean something else.
    pub space_key: String,
    /// Length of the embeddings it takes.
    pub embedding_len: usize,
    /// λ of the mean objective; C = 1/(rows·λ).
    pub penalty: f64,
    /// Rows it was fitted on.
    pub rows: usize,
    /// What its dataset is judged by on the test split, in percent, where it was measured.
    pub score: Option<f64>,
    /// What it is worth on rows set aside, where there was no test split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// What its scores are turned into.
    #[serde(default)]
    pub kind: Kind,
    /// Classes × embedding length, row-major.
    #[serde(skip)]
    pub weight: Vec<f32>,
    /// One a class.
    #[serde(skip)]
    pub bias: Vec<f32>,
}

impl Probe {
    /// Takes a fit, rounded to f32.
    pub fn new(name: &str, data: &str, classes: &[String], space_key: &str, fitted: &Fitted) -> Self {
        Self {
            name: name.to_owned(),
            data: data.to_owned(),
            classes: classes.to_vec(),
            space_key: space_key.to_owned(),
            embedding_len: fitted.weight.len() / classes.len().max(1),
            penalty: fitted.penalty,
            rows: fitted.rows,
            score: None,
            validation: None,
            kind: fitted.kind,
            weight: narrow(&fitted.weight),
            bias: narrow(&fitted.bias),
        }
    }

    /// The probability of each class.
    ///
    /// # Errors
    /// When the embedding has another length than the probe takes.
    pub fn predict(&self, embedding: &[f32]) -> Result<Vec<f32>, EvalError> {
        if embedding.len() != self.embedding_len {
            return Err(EvalError::Length { found: embedding.len(), expected: self.embedding_len });
        }
        let score = |(row, &bias): (&[f32], &f32)| {
            let products = row.iter().zip(embedding).map(|(&w, &x)| f64::from(w) * f64::from(x));
            f64::from(bias) + products.sum::<f64>()
        };
        let scores: Vec<f64> =
            self.weight.chunks_exact(self.embedding_len).zip(&self.bias).map(score).collect();
        if self.kind == Kind::OneVsRest {
            #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
            return Ok(scores.iter().map(|s| (1.0 / (1.0 + (-s).exp())) as f32).collect());
        }
        let most = scores.iter().fold(f64::NEG_INFINITY, |most, &s| most.max(s));
        let shares: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
        let all: f64 = shares.iter().sum();
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
        Ok(shares.iter().map(|s| (s / all) as f32).collect())
    }

    /// What is wrong with the probe, if anything.
    fn problem(&self) -> Option<String> {
        let (classes, len) = (self.classes.len(), self.embedding_len);
        if classes < 2 || len == 0 {
            return Some(format!(
                "{classes} classes of embeddings of length {len}; at least 2 and 1 are needed"
            ));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.classes.iter().find(|class| !seen.insert(class.as_str())) {
            return Some(format!("class `{twice}` occurs twice"));
        }
        if classes.checked_mul(len) != Some(self.weight.len()) || self.bias.len() != classes {
            let (weight, bias) = (self.weight.len(), self.bias.len());
            return Some(format!("{weight} weights and {bias} biases for {classes} classes of length {len}"));
        }
        if self.weight.iter().chain(&self.bias).any(|x| !x.is_finite()) {
            return Some("a weight or bias is NaN or infinite".to_owned());
        }
        if self.space_key.is_empty() {
            return Some("the space key is empty".to_owned());
        }
        None
    }
}

#[expect(clippy::cast_possible_truncation, reason = "embeddings are f32; the classifier needs no more")]
fn narrow(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&x| x as f32).collect()
}
