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

    /// Notes each key of the field `name` that `understood` does not have when it is written out again.
    fn unknown_keys(&mut self, name: &str, given: &Value, understood: &impl Serialize) {
        match (given, Value::try_from(understood)) {
            (Value::Table(given), Ok(Value::Table(known))) => {
                self.compare(given, &known, &format!("{name}."));
            }
            (_, Ok(_)) => (),
            (_, Err(error)) => self.add(&error),
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

    /// `value` if nothing is wrong; there is none only when something is.
    pub(super) fn or<T>(self, value: Option<T>) -> Result<T, TrainError> {
        value.filter(|_| self.0.is_empty()).ok_or_else(|| TrainError::Recipe(self.0.join("\n  ")))
    }
}

/// Takes a recipe's fields one by one, so that an error in one hides none in another.
pub(super) struct Reader<'a> {
    table: &'a Table,
    problems: &'a mut Problems,
    /// Fields that were asked for.
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'a Table, problems: &'a mut Problems) -> Self {
        Self { table, problems, known: vec![] }
    }

    /// A field that must be there.
    pub(super) fn field<T: DeserializeOwned + Serialize>(&mut self, name: &'static str) -> Option<T> {
        if !self.table.contains_key(name) {
            self.known.push(name);
            self.problems.add(&format!("{name} is missing"));
            return None;
        }
        self.optional(name).flatten()
    }

    /// A field that must be there, of a type that refuses other keys itself: written out again it may lack some that it knows.
    pub(super) fn strict_field<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        self.known.push(name);
        let Some(given) = self.table.get(name) else {
            self.problems.add(&format!("{name} is missing"));
            return None;
        };
        let read = given.clone().try_into();
        read.map_err(|error| self.problems.add(&format!("{name}: {}", in_one_line(&error)))).ok()
    }

    /// A field that may be absent; none when it is there and wrong.
    pub(super) fn optional<T: DeserializeOwned + Serialize>(
        &mut self,
        name: &'static str,
    ) -> Option<Option<T>> {
        self.known.push(name);
        let Some(given) = self.table.get(name) else {
            return Some(None);
        };
        match given.clone().try_into() {
            Ok(value) => {
                self.problems.unknown_keys(name, given, &value);
                Some(Some(value))
            }
            Err(error) => {
                self.problems.add(&format!("{name}: {}", in_one_line(&error)));
                None
            }
        }
    }

    /// Notes each key of the recipe that nobody asked for.
    pub(super) fn refuse_other_keys(self) {
        for key in self.table.keys().filter(|key| !self.known.contains(&key.as_str())) {
            self.problems.add(&format!("{key} is not a field; there are {}", self.known.join(", ")));
        }
    }
}

fn in_one_line(error: &toml::de::Error) -> String {
    error.to_string().trim().replace('\n', " ")
}
