//! Labelled records → a classifier: their stored embeddings, and what a field of their payloads says.
//!
//! Records without the field are passed over. Of a large collection, records are taken at even distances. Knows no HTTP.

use std::collections::BTreeMap;

use serde_json::Value;
use simclr_eval::probe::fit_validated;
use simclr_eval::{EvalError, Features, Labels, Probe};
use simclr_search::{SearchError, VectorCollection};

use crate::background::quietly;
use crate::sampling::evenly;

/// Records fitted on at most, and numbers in their vectors.
const ROWS_MAX: usize = 20_000;
const NUMBERS_MAX: usize = 1 << 24;
/// Classes at most, and bytes of a class's name.
const CLASSES_MAX: usize = 1000;
const NAME_MAX: usize = 256;

/// Why there is no classifier; shown to whoever asked for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FitError {
    /// See the collection's answer.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// Name a field that the records have.
    #[error("no record has a plain value in the field {0:?}; name the field that holds the label")]
    NoField(String),
    /// Label otherwise.
    #[error("the field says {0} different things; a classifier tells 2 to {CLASSES_MAX} classes apart")]
    Classes(usize),
    /// The system gave no thread.
    #[error("no thread: {0}")]
    Thread(std::io::Error),
    /// Label more records, or see the message.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

/// Fits a classifier on a collection's labelled records, `page` of which are read at once, at a niceness; reading has the
/// caller's priority, since a store's locks must not be held by a thread that waits for the processor.
pub(crate) fn fit(
    collection: &dyn VectorCollection,
    name: &str,
    field: &str,
    page: usize,
    nice: u8,
) -> Result<Probe, FitError> {
    let (embeddings, labels) = labelled(collection, field, page)?;
    if labels.is_empty() {
        return Err(FitError::NoField(field.to_owned()));
    }
    let mut places: BTreeMap<&str, usize> = labels.iter().map(|label| (label.as_str(), 0)).collect();
    if !(2..=CLASSES_MAX).contains(&places.len()) {
        return Err(FitError::Classes(places.len()));
    }
    places.values_mut().enumerate().for_each(|(number, place)| *place = number);
    let classes: Vec<String> = places.keys().map(|&class| class.to_owned()).collect();
    let config = collection.config();
    let labels = Labels::Classes(labels.iter().map(|label| places[label.as_str()]).collect());
    let features = Features { embedding_len: config.dimension, embeddings, labels };
    let (fitted, validation) =
        quietly(nice, 0, || fit_validated(&features, classes.len())).map_err(FitError::Thread)??;
    let data = format!("{} by {field}", collection.name());
    let probe = Probe::new(name, &data, &classes, &config.space_key, &fitted);
    Ok(Probe { validation: Some(validation), ..probe })
}

/// Vectors, one after another, and labels of the records that have one.
fn labelled(
    collection: &dyn VectorCollection,
    field: &str,
    page: usize,
) -> Result<(Vec<f32>, Vec<String>), SearchError> {
    let most = ROWS_MAX.min(NUMBERS_MAX / collection.config().dimension);
    let (mut embeddings, mut labels) = (Vec::new(), Vec::new());
    evenly(collection, most, page, |record| {
        if let Some(label) = label_of(&record.payload, field) {
            embeddings.extend_from_slice(&record.vector);
            labels.push(label);
        }
    })?;
    Ok((embeddings, labels))
}

/// What a payload says in a field, where that can name a class.
fn label_of(payload: &Value, field: &str) -> Option<String> {
    let found = field.split('.').try_fold(payload, |value, key| value.get(key))?;
    match found {
        Value::String(text) if (1..=NAME_MAX).contains(&text.len()) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_values_are_labels_and_others_are_none() {
        let payload =
            json!({ "a": { "b": "cat" }, "n": 3, "yes": true, "none": null, "list": [1], "empty": "" });
        let labels = ["a.b", "n", "yes", "none", "list", "empty", "a", "x"].map(|f| label_of(&payload, f));
        let expected = [Some("cat"), Some("3"), Some("true"), None, None, None, None, None];
        assert_eq!(labels, expected.map(|label| label.map(str::to_owned)));
    }
}
