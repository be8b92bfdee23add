//! From our filters to Milvus' expressions over the JSON field that holds a record's payload.
//!
//! Every condition on a field also asks that the field is there, because comparing with what is missing is neither true
//! nor false in Milvus, and `not` of it would not be true. Lists match by element in `equals` and `in`; in `range` they
//! do not match, which Milvus has no words for.

use serde_json::Value;

use super::FIELD_PAYLOAD;
use crate::{Filter, SearchError};

/// True of every record; every id has a letter.
const TRUE: &str = "id != \"\"";
const FALSE: &str = "id == \"\"";

/// The expression of a filter.
pub(super) fn expression(filter: &Filter) -> Result<String, SearchError> {
    let joined = |filters: &[Filter], word: &str, empty: &str| {
        let parts = filters.iter().map(expression).collect::<Result<Vec<_>, _>>()?;
        Ok(if parts.is_empty() { empty.to_owned() } else { format!("({})", parts.join(word)) })
    };
    match filter {
        Filter::And(filters) => joined(filters, " and ", TRUE),
        Filter::Or(filters) => joined(filters, " or ", FALSE),
        Filter::Not(inner) => Ok(format!("(not {})", expression(inner)?)),
        Filter::Exists { field } => Ok(format!("(exists {})", path(field))),
        Filter::Equals { field, value } => Ok(there(field, &equals(field, value)?)),
        Filter::In { field, values } => {
            let any = values.iter().map(|value| equals(field, value)).collect::<Result<Vec<_>, _>>()?;
            Ok(if any.is_empty() { FALSE.to_owned() } else { there(field, &any.join(" or ")) })
        }
        Filter::Range { field, gt, gte, lt, lte } => {
            let bounds = [(">", gt), (">=", gte), ("<", lt), ("<=", lte)].into_iter();
            let bounds = bounds.filter_map(|(sign, bound)| Some((sign, bound.as_ref()?)));
            let bounds =
                bounds.map(|(sign, bound)| Ok(format!("{} {sign} {}", path(field), literal(bound)?)));
            Ok(there(field, &bounds.collect::<Result<Vec<_>, SearchError>>()?.join(" and ")))
        }
    }
}

/// A condition on a field that is there.
fn there(field: &str, condition: &str) -> String {
    // `exists` binds more loosely than `and`.
    format!("((exists {}) and ({condition}))", path(field))
}

fn equals(field: &str, value: &Value) -> Result<String, SearchError> {
    let (path, value) = (path(field), literal(value)?);
    Ok(format!("({path} == {value} or json_contains({path}, {value}))"))
}

/// Where a field lies: the payload is under `p` of the JSON, so that it may be anything.
fn path(field: &str) -> String {
    let keys: String = field.split('.').map(|key| format!("[{}]", quoted(key))).collect();
    format!("{FIELD_PAYLOAD}[\"p\"]{keys}")
}

fn literal(value: &Value) -> Result<String, SearchError> {
    match value {
        Value::String(text) => Ok(quoted(text)),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => {
            let reason = "Milvus cannot look for null; ask for `not` `exists` instead".to_owned();
            Err(SearchError::BadFilter { reason })
        }
    }
}

/// A string as Milvus reads it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<String, SearchError> {
        expression(&serde_json::from_str(json).expect("a filter"))
    }

    #[test]
    fn conditions_ask_that_the_field_is_there() {
        let label = "payload[\"p\"][\"a\"][\"b\"]";
        let expected =
            format!("((exists {label}) and (({label} == \"x\\\"y\" or json_contains({label}, \"x\\\"y\"))))");
        assert_eq!(of(r#"{"equals": {"field": "a.b", "value": "x\"y"}}"#), Ok(expected));
        let year = "payload[\"p\"][\"year\"]";
        let expected = format!("(not ((exists {year}) and ({year} >= 2 and {year} < 3.5)))");
        assert_eq!(of(r#"{"not": {"range": {"field": "year", "gte": 2, "lt": 3.5}}}"#), Ok(expected));
    }

    #[test]
    fn nothing_joined_means_what_it_does_elsewhere() {
        assert_eq!((of(r#"{"and": []}"#), of(r#"{"or": []}"#)), (Ok(TRUE.to_owned()), Ok(FALSE.to_owned())));
        assert_eq!(of(r#"{"in": {"field": "a", "values": []}}"#), Ok(FALSE.to_owned()));
        assert!(of(r#"{"equals": {"field": "a", "value": null}}"#).is_err());
    }
}
