//! Conditions on payloads: which records may be found at all.
//!
//! A filter names a field by its path through objects, keys joined by dots, and says what its value must be. Lists match
//! when one of their elements does. A field that is not there fulfils nothing but `not`. Of a string of more than 1024
//! bytes, a picture say, a filter knows only that it is there; nothing of such a string in a list, of more than 1024 fields of
//! a record, those near the top first, and of more than 1024 elements of its lists; and a path has 256 bytes at most. Read from JSON as
//! `{"and": [{"equals": {"field": "label", "value": "cat"}}, {"range": {"field": "year", "gte": 2020}}]}`.

mod fields;
mod leaves;

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use self::fields::{Compiled, Fields, Tags};
pub(crate) use self::leaves::Leaves;
use self::leaves::PATH_MAX;
use crate::SearchError;

/// Conditions within conditions a filter may have.
const DEPTH_MAX: usize = 16;
/// Conditions and values a filter may have.
const PARTS_MAX: usize = 1024;

/// What a record's payload must fulfil.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Filter {
    /// The field has this value: a string, a number, true, false or null.
    Equals {
        /// The field's path.
        field: String,
        /// The value.
        value: Value,
    },
    /// The field has one of these values.
    In {
        /// The field's path.
        field: String,
        /// The values.
        values: Vec<Value>,
    },
    /// The field lies between bounds, numbers by size and strings by alphabet; at least one bound is given.
    Range {
        /// The field's path.
        field: String,
        /// Greater than.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gt: Option<Value>,
        /// Greater than or equal to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gte: Option<Value>,
        /// Less than.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lt: Option<Value>,
        /// Less than or equal to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lte: Option<Value>,
    },
    /// The field is there, and not null.
    Exists {
        /// The field's path.
        field: String,
    },
    /// All of these hold.
    And(Vec<Filter>),
    /// One of these holds.
    Or(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
}

impl Filter {
    /// Refuses what cannot be meant, or would take too long.
    pub(crate) fn check(&self) -> Result<(), SearchError> {
        let refuse = |reason: &str| SearchError::BadFilter { reason: reason.to_owned() };
        match self.parts(DEPTH_MAX).map_err(refuse)? {
            parts if parts > PARTS_MAX => Err(refuse("it has more than 1024 conditions and values")),
            _ => Ok(()),
        }
    }

    fn parts(&self, depth: usize) -> Result<usize, &'static str> {
        let scalar = |value: &Value| match value {
            Value::Array(_) | Value::Object(_) => {
                Err("a field can be compared with a string, a number, true, false or null")
            }
            _ => Ok(()),
        };
        let field = match self {
            Filter::And(all) | Filter::Or(all) => {
                let depth = depth.checked_sub(1).ok_or("it is nested more than 16 deep")?;
                return all.iter().map(|filter| filter.parts(depth)).sum::<Result<usize, _>>().map(|n| n + 1);
            }
            Filter::Not(inner) => {
                let depth = depth.checked_sub(1).ok_or("it is nested more than 16 deep")?;
                return Ok(inner.parts(depth)? + 1);
            }
            Filter::Equals { field, value } => scalar(value).map(|()| field)?,
            Filter::In { field, values } => values.iter().try_for_each(scalar).map(|()| field)?,
            Filter::Range { field, gt, gte, lt, lte } => {
                let bounds: Vec<&Value> = [gt, gte, lt, lte].into_iter().flatten().collect();
                if bounds.is_empty() || !bounds.iter().all(|b| b.is_number() || b.is_string()) {
                    return Err("a range takes gt, gte, lt or lte, each a number or a string");
                }
                field
            }
            Filter::Exists { field } => field,
        };
        let values = if let Filter::In { values, .. } = self { values.len() } else { 0 };
        match field.len() {
            0 => Err("a condition needs a field"),
            1..=PATH_MAX => Ok(1 + values),
            _ => Err("the path of a field has more than 256 bytes"),
        }
    }

    /// Whether a field's value, or one of its elements, fulfils this condition on a field.
    pub(crate) fn holds_for(&self, value: &Value) -> bool {
        match (self, value) {
            (Filter::Exists { .. }, _) => !value.is_null(),
            (_, Value::Array(elements)) => elements.iter().any(|element| self.holds_for_one(element)),
            _ => self.holds_for_one(value),
        }
    }

    fn holds_for_one(&self, value: &Value) -> bool {
        let within = |bound: &Option<Value>, allowed: &[Ordering]| {
            bound.as_ref().is_none_or(|b| compare(value, b).is_some_and(|order| allowed.contains(&order)))
        };
        match self {
            Filter::Equals { value: wanted, .. } => compare(value, wanted) == Some(Ordering::Equal),
            Filter::In { values, .. } => values.iter().any(|v| compare(value, v) == Some(Ordering::Equal)),
            Filter::Range { gt, gte, lt, lte, .. } => {
                within(gt, &[Ordering::Greater])
                    && within(gte, &[Ordering::Greater, Ordering::Equal])
                    && within(lt, &[Ordering::Less])
                    && within(lte, &[Ordering::Less, Ordering::Equal])
            }
            Filter::Exists { .. } | Filter::And(_) | Filter::Or(_) | Filter::Not(_) => false,
        }
    }
}

/// The order of two values of one kind; values of different kinds have none.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64(), a.as_u64(), b.as_u64()) {
            (Some(a), Some(b), ..) => Some(a.cmp(&b)),
            (.., Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::Bool(a), Value::Bool(b)) if a == b => Some(Ordering::Equal),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
