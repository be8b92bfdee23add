//! What of a payload filters can ask about: each field by its path, within bounds that a record's memory has.
//!
//! A payload in, leaves out; nothing is looked up, so that it takes no lock. Fields near the top come first, so that one large
//! object does not keep a label beside it from being asked about.

use std::collections::VecDeque;

use serde_json::{Map, Value};

/// Bytes of the longest path that is kept.
pub(super) const PATH_MAX: usize = 256;
/// Bytes of the longest string that is kept, twice, for every filter to ask about: a picture in a payload is not.
const TEXT_MAX: usize = 1024;
/// Fields that are kept of a record.
const FIELDS_MAX: usize = 1024;
/// Elements that are kept of all lists of a record together.
const ELEMENTS_MAX: usize = 1024;

/// A field: its path, its value, and that as JSON.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) path: String,
    pub(super) value: Value,
    pub(super) json: String,
}

/// The fields of one record.
#[derive(Debug, Default)]
pub(crate) struct Leaves(pub(super) Vec<Leaf>);

impl Leaves {
    /// Every field of a payload; of an object or a long string that it is there, of a list what a filter can compare with. A
    /// key that is empty or has a dot has no path.
    pub(crate) fn of(payload: &Value) -> Self {
        let (mut leaves, mut elements) = (Vec::new(), ELEMENTS_MAX);
        let mut waiting = VecDeque::from([(String::new(), payload)]);
        while let Some((path, value)) = waiting.pop_front() {
            if !path.is_empty() {
                let kept = kept(value, &mut elements);
                leaves.push(Leaf { path: path.clone(), json: kept.to_string(), value: kept });
            }
            let fields = value.as_object().into_iter().flatten();
            for (key, value) in fields.filter(|(key, _)| !key.is_empty() && !key.contains('.')) {
                let above = if path.is_empty() { 0 } else { path.len() + 1 };
                if above + key.len() <= PATH_MAX && leaves.len() + waiting.len() < FIELDS_MAX {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    waiting.push_back((path, value));
                }
            }
        }
        Self(leaves)
    }
}

/// What is kept of a value: of a list what `elements` has room for.
fn kept(value: &Value, elements: &mut usize) -> Value {
    match value {
        Value::Object(_) => Value::Object(Map::new()),
        Value::Array(list) => {
            let fitting = list.iter().filter(|element| is_scalar(element)).take(*elements);
            let fitting: Vec<Value> = fitting.cloned().collect();
            *elements -= fitting.len();
            Value::Array(fitting)
        }
        scalar if is_scalar(scalar) => scalar.clone(),
        _ => Value::Object(Map::new()),
    }
}

/// Whether a condition can compare with it; a long string it cannot.
fn is_scalar(value: &Value) -> bool {
    match value {
        Value::Object(_) | Value::Array(_) => false,
        Value::String(text) => text.len() <= TEXT_MAX,
        _ => true,
    }
}
