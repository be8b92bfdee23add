//! Two encoders' folders of outcomes → their comparison on every dataset that both have.

use serde::Serialize;

use super::{Comparison, PERMUTATIONS, SIGNIFICANT, compare};
use crate::{EvalError, Outcome, Storage};

/// Two encoders, dataset by dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The first encoder's name.
    pub a: String,
    /// The second's.
    pub b: String,
    /// Of the permutations.
    pub seed: u64,
    /// How many there were.
    pub permutations: usize,
    /// Differences with a larger p-value are not significant.
    pub significant: f64,
    /// One a dataset that both were judged on.
    pub comparisons: Vec<Comparison>,
    /// Datasets that only one of them was judged on, with that one's name.
    #[serde(skip)]
    pub left_out: Vec<(String, String)>,
}

/// Compares what lies below two places, each of which holds one encoder's outcomes.
///
/// # Errors
/// When a place holds no outcome or those of several encoders, or the two have no dataset in common.
pub fn compare_places(a: &Storage, b: &Storage, seed: u64) -> Result<Compared, EvalError> {
    let (name_a, of_a) = outcomes(a)?;
    let (name_b, of_b) = outcomes(b)?;
    let (mut comparisons, mut left_out) = (Vec::new(), Vec::new());
    for (folder_a, a) in &of_a {
        let Some((folder_b, b)) = of_b.iter().find(|(_, b)| b.dataset == a.dataset) else {
            left_out.push((a.dataset.clone(), name_a.clone()));
            continue;
        };
        let kept =
            |folder| Ok::<_, EvalError>((Outcome::load_predictions(folder)?, Outcome::load_samples(folder)?));
        let (in_a, in_b) = (kept(folder_a)?, kept(folder_b)?);
        comparisons.push(compare((a, &in_a.0, &in_a.1), (b, &in_b.0, &in_b.1), seed)?);
    }
    let only_b = of_b.iter().filter(|(_, b)| of_a.iter().all(|(_, a)| a.dataset != b.dataset));
    left_out.extend(only_b.map(|(_, b)| (b.dataset.clone(), name_b.clone())));
    if comparisons.is_empty() {
        let problem = format!("{name_a} and {name_b} have no dataset in common");
        return Err(EvalError::Labels(problem));
    }
    let (permutations, significant) = (PERMUTATIONS, SIGNIFICANT);
    Ok(Compared { a: name_a, b: name_b, seed, permutations, significant, comparisons, left_out })
}

/// The one encoder's name and its outcomes below a place.
fn outcomes(place: &Storage) -> Result<(String, Vec<(Storage, Outcome)>), EvalError> {
    let refuse = |problem: String| EvalError::result(place, "outcome.json", &problem);
    let all = Outcome::load_all(place)?;
    let Some((_, first)) = all.first() else {
        return Err(refuse("no finished evaluation is here or below".to_owned()));
    };
    let name = first.encoder.clone();
    if let Some((_, other)) = all.iter().find(|(_, outcome)| outcome.encoder != name) {
        let problem =
            format!("here are outcomes of {name} and of {}; name the folder of one encoder", other.encoder);
        return Err(refuse(problem));
    }
    Ok((name, all))
}
