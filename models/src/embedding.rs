//! What users see of a picture: a finite vector of known length.

/// The encoder's output *h* for one picture: finite f32 numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Vec<f32>);

impl Embedding {
    /// Takes the numbers if all are finite.
    ///
    /// # Errors
    /// The index of the first number that is NaN or infinite.
    pub fn new(numbers: Vec<f32>) -> Result<Self, usize> {
        match numbers.iter().position(|x| !x.is_finite()) {
            Some(index) => Err(index),
            None => Ok(Self(numbers)),
        }
    }

    /// The numbers.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// The numbers, owned.
    pub fn into_vec(self) -> Vec<f32> {
        self.0
    }

    /// The same direction with length 1; zeros stay zeros.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let norm = self.0.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        if norm == 0.0 {
            return self.clone();
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 1 in size")]
        Self(self.0.iter().map(|&x| (f64::from(x) / norm) as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalised_has_length_one() {
        let e = Embedding::new(vec![3.0, 4.0]).unwrap().normalised();
        assert_eq!(e.as_slice(), [0.6, 0.8]);
        assert_eq!(Embedding::new(vec![0.0; 2]).unwrap().normalised().as_slice(), [0.0, 0.0]);
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        assert_eq!(Embedding::new(vec![1.0, f32::NAN]), Err(1));
        assert_eq!(Embedding::new(vec![f32::INFINITY]), Err(0));
    }
}
