//! Lists of a JSON body, given up at the first element beyond their limit: two bytes of JSON can be fifty in memory.
//!
//! The limits are the server's and serde passes nothing along, so they lie on the thread for as long as it reads a body.
//! Knows no route.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::error::ApiError;
use crate::config::Limits;

/// How long the lists of a body may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pictures: usize,
    records: usize,
}

/// What a list holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    Pictures,
    Records,
    Searches,
    Embeddings,
    Classifiers,
    Dimensions,
}

/// Dimensions of a tensor; none here has more than four.
const DIMENSIONS_MAX: usize = 8;

/// What is counted when a list of it is read.
pub(super) trait Counted {
    const OF: Of;
}

impl Counted for Vec<f32> {
    const OF: Of = Of::Embeddings;
}

impl Counted for String {
    const OF: Of = Of::Classifiers;
}

impl Counted for usize {
    const OF: Of = Of::Dimensions;
}

/// The body that a thread reads.
struct Reading {
    bounds: Bounds,
    /// Why it was given up, where a list was too long.
    refusal: Option<ApiError>,
}

thread_local! {
    static READING: RefCell<Option<Reading>> = const { RefCell::new(None) };
}

/// Reads a body whose lists have these bounds; a list that is too long is why it fails.
pub(super) fn within<T>(bounds: Bounds, read: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
    READING.set(Some(Reading { bounds, refusal: None }));
    let result = read();
    match READING.take().and_then(|reading| reading.refusal) {
        Some(refusal) => Err(refusal),
        None => result,
    }
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self { pictures: limits.request_pictures_max, records: limits.request_records_max }
    }
}

impl Of {
    /// Refuses more than a request may bring.
    pub(super) fn check(self, bounds: Bounds, count: usize) -> Result<(), ApiError> {
        let (limit, code, what) = match self {
            Self::Pictures => (bounds.pictures, "too_many_pictures", "pictures"),
            Self::Records => (bounds.records, "too_many_records", "records"),
            Self::Searches => (bounds.records, "too_many_searches", "searches"),
            Self::Embeddings => (bounds.records, "too_many_records", "embeddings"),
            Self::Classifiers => (bounds.records, "too_many_classifiers", "classifiers"),
            Self::Dimensions => (DIMENSIONS_MAX, "too_many_dimensions", "dimensions"),
        };
        if count <= limit {
            return Ok(());
        }
        let message = format!("the request brings more {what} than the {limit} allowed");
        Err(ApiError::too_large(code, message))
    }

    /// The same for the body that this thread reads.
    pub(super) fn check_here<E: Error>(self, count: usize) -> Result<(), E> {
        READING.with_borrow_mut(|reading| {
            let Some(Reading { bounds, refusal }) = reading else { return Ok(()) };
            self.check(*bounds, count).map_err(|error| {
                *refusal = Some(error);
                E::custom("a list is too long")
            })
        })
    }
}

/// A list, for `deserialize_with`.
pub(super) fn list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Counted + Deserialize<'de>,
    D: Deserializer<'de>,
{
    List::deserialize(deserializer).map(|list| list.0)
}

/// A list that may be left out, for `deserialize_with` beside `default`.
pub(super) fn optional<'de, T, D>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Counted + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<List<T>>::deserialize(deserializer).map(|list| list.map(|list| list.0))
}

/// The elements of a list that has begun.
pub(super) fn elements<'de, T, A>(mut list: A) -> Result<Vec<T>, A::Error>
where
    T: Counted + Deserialize<'de>,
    A: SeqAccess<'de>,
{
    let mut elements = Vec::new();
    while let Some(element) = list.next_element()? {
        T::OF.check_here::<A::Error>(elements.len() + 1)?;
        elements.push(element);
    }
    Ok(elements)
}

struct List<T>(Vec<T>);

impl<'de, T: Counted + Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Elements(PhantomData)).map(Self)
    }
}

struct Elements<T>(PhantomData<T>);

impl<'de, T: Counted + Deserialize<'de>> Visitor<'de> for Elements<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        elements(list)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, SeqDeserializer};

    use super::*;
    use crate::http::source::Source;

    /// How many elements were read of a million, and what came of it.
    fn read(pictures: usize, sent: usize) -> (usize, Result<usize, String>) {
        let mut read = 0;
        let texts = std::iter::repeat_n("", sent).inspect(|_| read += 1);
        let list = SeqDeserializer::<_, Error>::new(texts);
        let result = within(Bounds { pictures, records: 1 }, || {
            let sources: Vec<Source> = super::list(list).map_err(ApiError::ours)?;
            Ok(sources.len())
        });
        (read, result.map_err(|error| format!("{error:?}")))
    }

    #[test]
    fn reading_ends_at_the_first_element_too_many() {
        assert_eq!(read(3, 3), (3, Ok(3)));
        let (read, result) = read(3, 1_000_000);
        assert_eq!(read, 4);
        let refusal = result.unwrap_err();
        assert!(refusal.contains("413") && refusal.contains("more pictures than the 3 allowed"), "{refusal}");
    }

    #[test]
    fn one_body_s_limits_are_not_the_next_one_s() {
        assert!(read(1, 2).1.is_err());
        let sources: Vec<Source> = serde_json::from_str(r#"["", "", ""]"#).unwrap();
        assert_eq!(sources.len(), 3);
        assert!(READING.take().is_none());
    }
}
