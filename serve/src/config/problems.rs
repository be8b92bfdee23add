//! Every mistake of a configuration, collected, so that all are shown at once and not one a start.

use super::ConfigError;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<ConfigError>);

impl Problems {
    pub(super) fn add(&mut self, name: &'static str, value: impl ToString, reason: impl Into<String>) {
        self.0.push(ConfigError::Value { name, value: value.to_string(), reason: reason.into() });
    }

    /// The value given or the default; zero is a mistake.
    pub(super) fn at_least_one<T: PartialEq + From<u8> + ToString>(
        &mut self,
        name: &'static str,
        given: Option<T>,
        default: T,
    ) -> T {
        match given {
            Some(value) if value == T::from(0) => {
                self.add(name, value.to_string(), "must be at least 1");
                default
            }
            Some(value) => value,
            None => default,
        }
    }

    /// The value given or else the largest.
    pub(super) fn at_most(&mut self, name: &'static str, given: Option<u8>, most: u8) -> u8 {
        if let Some(value) = given.filter(|value| *value > most) {
            self.add(name, value, format!("must be at most {most}"));
        }
        given.unwrap_or(most)
    }

    pub(super) fn fits(&mut self, name: &'static str, value: usize, other: &'static str, other_value: usize) {
        if value > other_value {
            self.add(name, value, format!("must not be above --{other}, which is {other_value}"));
        }
    }
}
