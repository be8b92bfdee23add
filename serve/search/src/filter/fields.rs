//! Payload fields as small numbers, so that a filter can be asked about a million records without reading a payload.
//!
//! Leaves in, [`Tags`] out: which field has which value, both by number. Each distinct path and value is kept once, and let go
//! with the last record that has it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::Filter;
use super::leaves::{Leaf, Leaves};
use crate::chunked::Chunked;

/// One record's fields: number of the path, number of the value.
pub(crate) type Tags = Arc<[(u32, u32)]>;

/// The fields and values of one collection.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    paths: Numbers,
    /// By path number.
    names: Vec<Box<str>>,
    /// By a value's JSON.
    numbers: Numbers,
    /// By number; filters that were prepared keep them as they were.
    values: Chunked<Value>,
}

impl Fields {
    /// Numbers a record's fields; each call holds on to paths and values until `release`.
    pub(crate) fn tags(&mut self, leaves: Leaves) -> Tags {
        let tag = |leaf: Leaf| {
            let (path, is_new) = self.paths.hold(&leaf.path);
            match self.names.get_mut(path as usize) {
                Some(name) if is_new => *name = leaf.path.into(),
                Some(_) => {}
                None => self.names.push(leaf.path.into()),
            }
            let (number, is_new) = self.numbers.hold(&leaf.json);
            if number as usize == self.values.len() {
                self.values.push(leaf.value);
            } else if is_new {
                *self.values.at(number as usize) = leaf.value;
            }
            (path, number)
        };
        leaves.0.into_iter().map(tag).collect()
    }

    /// Lets go of the paths and values of a record that is gone.
    pub(crate) fn release(&mut self, tags: &Tags) {
        for &(path, number) in tags.iter() {
            if self.paths.release(path) {
                self.paths.forget(&std::mem::take(&mut self.names[path as usize]));
            }
            if self.numbers.release(number) {
                let value = std::mem::take(self.values.at(number as usize));
                self.numbers.forget(&value.to_string());
            }
        }
    }

    /// Prepares a filter to be asked about many records.
    pub(crate) fn compile<'a>(&self, filter: &'a Filter) -> Compiled<'a> {
        let all = |filters: &'a [Filter]| filters.iter().map(|f| self.compile(f)).collect();
        match filter {
            Filter::And(filters) => Compiled::And(all(filters)),
            Filter::Or(filters) => Compiled::Or(all(filters)),
            Filter::Not(inner) => Compiled::Not(Box::new(self.compile(inner))),
            Filter::Equals { field, .. }
            | Filter::In { field, .. }
            | Filter::Range { field, .. }
            | Filter::Exists { field } => {
                Compiled::Field(self.paths.of.get(field.as_str()).copied(), filter, self.values.clone())
            }
        }
    }
}

/// Texts by number, each for as long as somebody holds it.
#[derive(Debug, Default)]
struct Numbers {
    of: HashMap<Box<str>, u32>,
    /// By number: how many hold it.
    uses: Vec<u32>,
    free: Vec<u32>,
}

impl Numbers {
    /// A text's number, and whether nobody held it before.
    fn hold(&mut self, text: &str) -> (u32, bool) {
        if let Some(&number) = self.of.get(text) {
            self.uses[number as usize] += 1;
            return (number, false);
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.uses.push(0);
            self.uses.len() as u32 - 1
        });
        self.uses[number as usize] = 1;
        self.of.insert(text.into(), number);
        (number, true)
    }

    /// Lets go of a number once; whether nobody holds it any more, and its text is to be forgotten.
    fn release(&mut self, number: u32) -> bool {
        self.uses[number as usize] -= 1;
        self.uses[number as usize] == 0
    }

    fn forget(&mut self, text: &str) {
        self.free.extend(self.of.remove(text));
    }
}

/// A filter with its fields' numbers looked up; it knows the values as they were then.
pub(crate) enum Compiled<'a> {
    Field(Option<u32>, &'a Filter, Chunked<Value>),
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
                .any(|(p, number)| Some(*p) == *path && filter.holds_for(&values[*number as usize])),
            Compiled::And(all) => all.iter().all(|filter| filter.allows(tags)),
            Compiled::Or(any) => any.iter().any(|filter| filter.allows(tags)),
            Compiled::Not(inner) => !inner.allows(tags),
        }
    }
}
