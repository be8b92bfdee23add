//! CIFAR-10 and CIFAR-100 as the python archives have them: pickles of a dictionary with labels and an array of pixels.

use std::path::Path;

use super::cifar::{PIXELS, SIDE};
use crate::pickle::{Value, parse};
use crate::sample::PlaneFile;
use crate::{DatasetError, Label, Sample};

const ADVICE: &str = "unpack the official python archive again";

/// The pictures of one file, whose labels are under `key`.
pub(super) fn batch(
    path: &Path,
    key: &str,
    (count, classes): (usize, usize),
) -> Result<Vec<Sample>, DatasetError> {
    let expected =
        format!("a pickle with `data`, {count}×{PIXELS} bytes, and `{key}`, {count} numbers below {classes}");
    let wrong = |problem: String| DatasetError::layout(path, problem, &expected, ADVICE);
    let pickle = std::fs::read(path).map_err(DatasetError::io(path))?;
    let value = parse(&pickle).map_err(&wrong)?;
    let Some(Value::List(labels)) = value.get(&pickle, key) else {
        return Err(wrong(format!("there is no list `{key}`")));
    };
    let pixels = value.get(&pickle, "data").and_then(Value::longest_bytes);
    let pixels = pixels.ok_or_else(|| wrong("there is no `data`".to_owned()))?;
    if (labels.len(), pixels.len()) != (count, count * PIXELS) {
        return Err(wrong(format!("there are {} labels and {} bytes of pixels", labels.len(), pixels.len())));
    }
    let file = PlaneFile::open(path, SIDE, false)?;
    let sample = |(index, label): (usize, &Value)| {
        let class = if let Value::Int(label) = label { usize::try_from(*label).ok() } else { None };
        let Some(class) = class.filter(|&class| class < classes) else {
            return Err(wrong(format!("picture {index} has label {label:?}")));
        };
        let start = pixels.start + index * PIXELS;
        Ok(Sample::planes(&file, start as u64, index, Label::Class(class)))
    };
    labels.iter().enumerate().map(sample).collect()
}

/// The texts under `key`.
pub(super) fn names(path: &Path, key: &str) -> Result<Vec<String>, DatasetError> {
    let expected = format!("a pickle with `{key}`, a list of names");
    let wrong = |problem: String| DatasetError::layout(path, problem, &expected, ADVICE);
    if !path.is_file() {
        return Err(wrong("the file is missing".to_owned()));
    }
    let pickle = std::fs::read(path).map_err(DatasetError::io(path))?;
    let value = parse(&pickle).map_err(&wrong)?;
    let Some(Value::List(names)) = value.get(&pickle, key) else {
        return Err(wrong(format!("there is no list `{key}`")));
    };
    let name = |name: &Value| match name {
        Value::Bytes(at) => Ok(String::from_utf8_lossy(&pickle[at.clone()]).into_owned()),
        _ => Err(wrong("a name is no text".to_owned())),
    };
    names.iter().map(name).collect()
}
