//! The words of this crate as types, and the checks that stand between a caller and the truth.
//!
//! Nothing unchecked goes further in: past this file ids are printable, vectors are finite, of the right length and
//! not zero, payloads can be read back. It knows nothing of files or of searching.

use serde_json::Value;

use crate::{ContentHash, Filter, Limits, SearchError};

/// Nesting a payload may have; the JSON reader itself gives up at 128.
const PAYLOAD_DEPTH_MAX: usize = 64;

/// One thing that can be found: upserting the same id again replaces it whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its name, unique in its collection.
    pub id: String,
    /// Its vector as given; it is returned as given, and compared by direction only.
    pub vector: Vec<f32>,
    /// Anything the caller wants back with it.
    pub payload: Value,
    /// What its picture's bytes hash to, where that is known.
    pub content: Option<ContentHash>,
}

impl Record {
    /// A record of whose picture nothing is known.
    pub fn new(id: impl Into<String>, vector: Vec<f32>, payload: Value) -> Self {
        Self { id: id.into(), vector, payload, content: None }
    }
}

/// What an upsert did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upserted {
    /// Records that were new.
    pub inserted: usize,
    /// Records that took the place of one with the same id.
    pub replaced: usize,
    /// Records whose content another had already, at most one line for each record given; they are stored all the same.
    pub duplicates: Vec<Duplicate>,
}

/// A record that has the same content as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The record that was stored.
    pub id: String,
    /// The other one; of several, the one whose id comes first.
    pub of: String,
}

/// What to look for; `Query::new` and then what differs: `Query { exact: true, ..Query::new(vector, 10) }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The direction to be near to.
    pub vector: Vec<f32>,
    /// How many neighbours at most.
    pub limit: usize,
    /// How many of the best to leave out before them.
    pub offset: usize,
    /// Compare with every record, even where a graph would be faster.
    pub exact: bool,
    /// Leave out neighbours scoring less.
    pub min_score: Option<f32>,
    /// How many nodes a walk keeps: more find more, and take longer.
    pub ef: Option<usize>,
    /// Only records whose payload fulfils this.
    pub filter: Option<Filter>,
    /// Of records with one content or one direction return the best alone, and with it the ids of the others.
    pub distinct: bool,
    /// Return payloads; without, they are null and nothing is read from the file.
    pub with_payload: bool,
}

impl Query {
    /// The `limit` records nearest to a vector, with their payloads.
    pub fn new(vector: Vec<f32>, limit: usize) -> Self {
        let (offset, exact, min_score, ef, filter, distinct) = (0, false, None, None, None, false);
        Self { vector, limit, offset, exact, min_score, ef, filter, distinct, with_payload: true }
    }
}

/// One record found, best first; equal scores come in the order of their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// The record's id.
    pub id: String,
    /// Cosine of the angle to the query, from -1 to 1.
    pub score: f32,
    /// The record's payload.
    pub payload: Value,
    /// What its picture's bytes hash to, where that is known; nothing without payloads.
    pub content: Option<ContentHash>,
    /// Where duplicates are grouped: the others of its content or direction, as many as are listed.
    pub duplicates: Vec<String>,
}

/// Checks an id somebody wants to store.
pub(crate) fn check_id(id: &str, limits: &Limits) -> Result<(), SearchError> {
    let reason = if id.is_empty() {
        "it is empty".to_owned()
    } else if id.len() > limits.id_bytes_max {
        format!("it has {} bytes, at most {} are allowed", id.len(), limits.id_bytes_max)
    } else if id.chars().any(char::is_control) {
        "it has control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(SearchError::BadId { id: id.chars().take(64).collect(), reason })
}

/// Checks a payload and writes it as JSON.
pub(crate) fn payload_json(id: &str, payload: &Value, limits: &Limits) -> Result<Vec<u8>, SearchError> {
    if !depth_within(payload, PAYLOAD_DEPTH_MAX) {
        return Err(SearchError::PayloadTooDeep { id: id.to_owned(), limit: PAYLOAD_DEPTH_MAX });
    }
    let json = serde_json::to_vec(payload).map_err(|e| SearchError::storage("writing a payload", e))?;
    if json.len() > limits.payload_bytes_max {
        let (bytes, limit) = (json.len(), limits.payload_bytes_max);
        return Err(SearchError::PayloadTooLarge { id: id.to_owned(), bytes, limit });
    }
    Ok(json)
}

fn depth_within(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|v| depth_within(v, depth - 1)),
        Value::Object(fields) => depth > 0 && fields.values().all(|v| depth_within(v, depth - 1)),
        _ => true,
    }
}

/// Checks a vector and scales it to length one, which turns cosine into a dot product.
pub(crate) fn normalised(
    vector: &[f32],
    dimension: usize,
    of: impl Fn() -> String,
) -> Result<Vec<f32>, SearchError> {
    if vector.len() != dimension {
        return Err(SearchError::WrongDimension { of: of(), expected: dimension, found: vector.len() });
    }
    if let Some(position) = vector.iter().position(|x| !x.is_finite()) {
        return Err(SearchError::NotFinite { of: of(), position });
    }
    // In f64 no finite f32 can overflow or vanish when squared.
    let length = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    if length == 0.0 {
        return Err(SearchError::ZeroVector { of: of() });
    }
    Ok(vector.iter().map(|&x| (f64::from(x) / length) as f32).collect())
}
