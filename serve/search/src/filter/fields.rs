//! Payload fields as small numbers, so that a filter can be asked about a million records without reading a payload.
//!
//! Payloads in, [`Tags`] out: which field has which value, both by number. Each distinct value is kept once, and let go
//! with the last record that has it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::Filter;

/// Bytes of the longest string that is kept, twice, for every filter to ask about: a picture in a payload is not.
const TEXT_MAX: usize = 1024;

/// One record's fields: number of the path, number of the value.
pub(crate) type Tags = Arc<[(u32, u32)]>;

/// The fields and values of one collection.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    paths: HashMap<Box<str>, u32>,
    /// By a value's JSON.
    numbers: HashMap<Box<str>, u32>,
    values: Vec<(Value, u32)>,
    free: Vec<u32>,
}

impl Fields {
    /// Numbers a payload's fields; each call holds on to the values until `release`.
    pub(crate) fn tags(&mut self, payload: &Value) -> Tags {
        let mut leaves = Vec::new();
        flatten(payload, String::new(), &mut leaves);
        let tag = |(path, value): (String, Value)| {
            let next = self.paths.len() as u32;
            let path = *self.paths.entry(path.into()).or_insert(next);
            (path, self.hold(value))
        };
        leaves.into_iter().map(tag).collect()
    }

    fn hold(&mut self, value: Value) -> u32 {
        let key = value.to_string().into_boxed_str();
        if let Some(&number) = self.numbers.get(&key) {
            self.values[number as usize].1 += 1;
            return number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.values.push((Value::Null, 0));
            self.values.len() as u32 - 1
        });
        self.values[number as usize] = (value, 1);
        self.numbers.insert(key, number);
        number
    }

    /// Lets go of the values of a record that is gone.
    pub(crate) fn release(&mut self, tags: &Tags) {
        for &(_, number) in tags.iter() {
            let (value, uses) = &mut self.values[number as usize];
            *uses -= 1;
            if *uses == 0 {
                self.numbers.remove(value.to_string().as_str());
                *value = Value::Null;
                self.free.push(number);
            }
        }
    }

    /// Prepares a filter to be asked about many records.
    pub(crate) fn compile<'a>(&'a self, filter: &'a Filter) -> Compiled<'a> {
        let all = |filters: &'a [Filter]| filters.iter().map(|f| self.compile(f)).collect();
        let on = |field: &str| Compiled::Field(self.paths.get(field).copied(), filter, &self.values);
        match filter {
            Filter::And(filters) => Compiled::And(all(filters)),
            Filter::Or(filters) => Compiled::Or(all(filters)),
            Filter::Not(inner) => Compiled::Not(Box::new(self.compile(inner))),
            Filter::Equals { field, .. }
            | Filter::In { field, .. }
            | Filter::Range { field, .. }
            | Filter::Exists { field } => on(field),
        }
    }
}

/// A filter with its fields' numbers looked up.
pub(crate) enum Compiled<'a> {
    Field(Option<u32>, &'a Filter, &'a [(Value, u32)]),
    And(Vec<Compiled<'a>>),
    Or(Vec<Compiled<'a>>),
    Not(Box<Compiled<'a>>),
}

impl Compiled<'_> {
    /// Whether the record with these tags may be found.
    pub(crate) fn allows(&self, tags: &[(u32, u32)]) -> bool {
        match self {
            Compiled::Field(path, filter, values) => tags
                .iter()
                .any(|(p, number)| Some(*p) == *path && filter.holds_for(&values[*number as usize].0)),
            Compiled::And(all) => all.iter().all(|filter| filter.allows(tags)),
            Compiled::Or(any) => any.iter().any(|filter| filter.allows(tags)),
            Compiled::Not(inner) => !inner.allows(tags),
        }
    }
}

/// Every field of a payload by its path; of an object or a long string that it is there. A key that is empty or has a dot
/// has no path.
fn flatten(value: &Value, path: String, leaves: &mut Vec<(String, Value)>) {
    let Value::Object(fields) = value else {
        let is_long = value.as_str().is_some_and(|text| text.len() > TEXT_MAX);
        let kept = if is_long { Value::Object(serde_json::Map::new()) } else { value.clone() };
        if !path.is_empty() {
            leaves.push((path, kept));
        }
        return;
    };
    if !path.is_empty() {
        leaves.push((path.clone(), Value::Object(serde_json::Map::new())));
    }
    for (key, value) in fields.iter().filter(|(key, _)| !key.is_empty() && !key.contains('.')) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        flatten(value, path, leaves);
    }
}
