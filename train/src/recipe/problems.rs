//! What is wrong with a recipe, collected, so that it is corrected in one go.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::TrainError;

/// One line for each thing that is wrong.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, problem: &impl ToString) {
        self.0.push(problem.to_string());
    }

    /// Notes `rule` unless it holds.
    pub(super) fn require(&mut self, holds: bool, rule: &str) {
        if !holds {
            self.add(&rule);
        }
    }

    /// Notes another module's refusal.
    pub(super) fn check<T, E: Display>(&mut self, result: Result<T, E>) {
        if let Err(error) = result {
            self.add(&error);
        }
    }

    /// Notes each key of `given` that `understood` does not have when it is written out again.
    pub(super) fn unknown_keys(&mut self, given: &Table, understood: &impl Serialize) {
        match Table::try_from(understood) {
            Ok(known) => self.compare(given, &known, ""),
            Err(error) => self.add(&error),
        }
    }

    fn compare(&mut self, given: &Table, known: &Table, path: &str) {
        for (key, value) in given {
            match (value, known.get(key)) {
                (Value::Table(inner), Some(Value::Table(known))) => {
                    self.compare(inner, known, &format!("{path}{key}."));
                }
                (_, Some(_)) => (),
                (_, None) => {
                    let names: Vec<&str> = known.keys().map(String::as_str).collect();
                    self.add(&format!("{path}{key} is not a field; there are {}", names.join(", ")));
                }
            }
        }
    }

    pub(super) fn into_text(self) -> String {
        self.0.join("\n  ")
    }

    /// `value` if nothing is wrong.
    pub(super) fn or<T>(self, value: T) -> Result<T, TrainError> {
        if self.0.is_empty() { Ok(value) } else { Err(TrainError::Recipe(self.into_text())) }
    }
}

/// Takes a recipe's fields one by one, so that an error in one hides none in another.
pub(super) struct Reader<'a> {
    table: &'a Table,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'a Table, problems: &'a mut Problems) -> Self {
        Self { table, problems }
    }

    /// A field that must be there.
    pub(super) fn field<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        if !self.table.contains_key(name) {
            self.problems.add(&format!("{name} is missing"));
            return None;
        }
        self.optional(name).flatten()
    }

    /// A field that may be absent; none when it is there and wrong.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Option<Option<T>> {
        let Some(value) = self.table.get(name) else {
            return Some(None);
        };
        match value.clone().try_into() {
            Ok(value) => Some(Some(value)),
            Err(error) => {
                self.problems.add(&format!("{name}: {}", error.to_string().trim().replace('\n', " ")));
                None
            }
        }
    }
}
