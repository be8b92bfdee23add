//! What an ONNX file puts out, as one vector a picture.

use serde::{Deserialize, Serialize};

/// How an output of more than two axes becomes one vector a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pooling {
    /// Pictures × length: taken as it is; further axes must have length 1.
    None,
    /// Pictures × channels × rows × columns: the mean over rows and columns.
    MeanNchw,
    /// Pictures × rows × columns × channels: the mean over rows and columns.
    MeanNhwc,
    /// Pictures × tokens × length: the mean over tokens.
    MeanTokens,
    /// Pictures × tokens × length: the first token, often called CLS.
    FirstToken,
}

impl Pooling {
    /// One vector a picture of an output of `shape`, first axis the pictures.
    ///
    /// # Errors
    /// When the shape is not one this pooling takes; says which does.
    pub(super) fn apply(self, shape: &[usize], numbers: &[f32]) -> Result<Vec<Vec<f32>>, String> {
        let whole: usize = shape.iter().product();
        let (pictures, rest) = match shape {
            [pictures, rest @ ..] if *pictures > 0 && whole == numbers.len() && whole > 0 => {
                (*pictures, rest)
            }
            _ => return Err(format!("the output has shape {shape:?} and {} numbers", numbers.len())),
        };
        let each = whole / pictures;
        let pool: fn(&[f32], usize, usize) -> Vec<f32> = match (self, rest) {
            (Self::None, [length, ones @ ..]) if ones.iter().all(|&n| n == 1) => {
                return Ok(numbers.chunks_exact(*length).map(<[f32]>::to_vec).collect());
            }
            (Self::MeanNchw, [_, _, _]) => mean_of_rows,
            (Self::MeanNhwc, [_, _, _]) | (Self::MeanTokens, [_, _]) => mean_of_columns,
            (Self::FirstToken, [_, _]) => |numbers, _, length| numbers[..length].to_vec(),
            _ => return Err(unfit(shape)),
        };
        let (places, length) = match (self, rest) {
            (Self::MeanNchw, [channels, ..]) => (each / channels, *channels),
            (_, [.., length]) => (each / length, *length),
            (_, []) => return Err(unfit(shape)),
        };
        Ok(numbers.chunks_exact(each).map(|picture| pool(picture, places, length)).collect())
    }
}

/// The mean of each of `length` runs of `places` numbers.
fn mean_of_rows(numbers: &[f32], places: usize, _length: usize) -> Vec<f32> {
    numbers.chunks_exact(places).map(|run| mean(run.iter().copied(), places)).collect()
}

/// The mean over `places` vectors of `length` numbers.
fn mean_of_columns(numbers: &[f32], places: usize, length: usize) -> Vec<f32> {
    (0..length).map(|i| mean(numbers[i..].iter().step_by(length).copied(), places)).collect()
}

fn mean(numbers: impl Iterator<Item = f32>, count: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a mean of f32 numbers")]
    let mean = (numbers.map(f64::from).sum::<f64>() / count as f64) as f32;
    mean
}

fn unfit(shape: &[usize]) -> String {
    let fitting = match shape.len() {
        2 => "\"none\"",
        3 => "\"mean-tokens\" or \"first-token\"",
        4 => "\"mean-nchw\" or \"mean-nhwc\"",
        _ => "nothing: outputs of two, three or four axes can be read",
    };
    format!("the output has shape {shape:?}, pictures first; for it there is {fitting}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [f32; 8] = [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0];

    #[test]
    fn each_pooling_by_hand() {
        let apply = |pooling: Pooling, shape: &[usize]| pooling.apply(shape, &NUMBERS).unwrap();
        assert_eq!(
            apply(Pooling::None, &[2, 4, 1, 1]),
            [vec![1.0, 2.0, 3.0, 4.0], vec![10.0, 20.0, 30.0, 40.0]]
        );
        assert_eq!(apply(Pooling::MeanNchw, &[1, 2, 2, 2]), [[2.5, 25.0]]);
        assert_eq!(apply(Pooling::MeanNchw, &[2, 1, 2, 2]), [[2.5], [25.0]]);
        assert_eq!(apply(Pooling::MeanNhwc, &[2, 1, 2, 2]), [[2.0, 3.0], [20.0, 30.0]]);
        assert_eq!(apply(Pooling::MeanTokens, &[2, 2, 2]), [[2.0, 3.0], [20.0, 30.0]]);
        assert_eq!(apply(Pooling::FirstToken, &[2, 2, 2]), [[1.0, 2.0], [10.0, 20.0]]);
    }

    #[test]
    fn an_unfit_shape_says_what_fits() {
        let refuse = |pooling: Pooling, shape: &[usize]| pooling.apply(shape, &NUMBERS).unwrap_err();
        assert!(refuse(Pooling::None, &[1, 2, 2, 2]).contains("mean-nchw"));
        assert!(refuse(Pooling::MeanNchw, &[2, 2, 2]).contains("first-token"));
        assert!(refuse(Pooling::FirstToken, &[2, 4]).contains("\"none\""));
        assert!(refuse(Pooling::None, &[]).contains("8 numbers"));
        assert!(refuse(Pooling::None, &[8]).contains("nothing"));
        assert!(refuse(Pooling::None, &[3, 4]).contains("[3, 4]"));
    }
}
