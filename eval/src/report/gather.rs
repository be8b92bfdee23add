//! Outcome folders of several runs and shards as one list of results, each pair of encoder and dataset once.

use simclr_datasets::CATALOG;

use crate::{EvalError, Outcome, Predictions, Storage};

/// One encoder on one dataset, with what was predicted.
pub struct Result {
    /// The numbers.
    pub outcome: Outcome,
    /// What was predicted.
    pub predictions: Predictions,
    /// Names of the judged pictures, in the predictions' order.
    pub samples: Vec<String>,
}

/// Everything below the places, in the catalog's order of datasets and by encoder.
///
/// # Errors
/// When a place holds no outcome, one cannot be read, or two that are not the same say they are.
pub fn gather(places: &[Storage]) -> std::result::Result<Vec<Result>, EvalError> {
    let mut results: Vec<Result> = Vec::new();
    for place in places {
        let found = Outcome::load_all(place)?;
        if found.is_empty() {
            return Err(EvalError::result(place, "outcome.json", &"no finished evaluation is here or below"));
        }
        for (place, outcome) in found {
            let same =
                |r: &&Result| r.outcome.encoder == outcome.encoder && r.outcome.dataset == outcome.dataset;
            if let Some(other) = results.iter().find(same) {
                if other.outcome != outcome {
                    return Err(twice(&place, &outcome));
                }
                continue;
            }
            let predictions = Outcome::load_predictions(&place)?;
            let samples = Outcome::load_samples(&place)?;
            results.push(Result { outcome, predictions, samples });
        }
    }
    results.sort_by(|a, b| key(&a.outcome).cmp(&key(&b.outcome)));
    Ok(results)
}

fn key(outcome: &Outcome) -> (usize, &str, &str) {
    let place = CATALOG.iter().position(|entry| entry.name == outcome.dataset).unwrap_or(CATALOG.len());
    (place, &outcome.dataset, &outcome.encoder)
}

fn twice(place: &Storage, outcome: &Outcome) -> EvalError {
    let Outcome { encoder, dataset, .. } = outcome;
    let problem = format!(
        "{encoder} on {dataset} is in two of these places with different results; leave one of them out, or rename an encoder"
    );
    EvalError::result(place, "outcome.json", &problem)
}
