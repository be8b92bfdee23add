//! A picture as JSON writes it: a data URI, bare base64, or `{"image": …}` around either.
//!
//! Out come encoded bytes, not yet decoded, or an address, not yet fetched; or why it is neither, which is for the request's
//! `on_error` to judge. Read without a copy of the text.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use utoipa::ToSchema;

use super::bounded::{Counted, Of};
use crate::embedder::Unreadable;

/// Padding is optional on the way in, as data URIs made by browsers and by hand differ in it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One picture of a JSON body.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub(crate) enum Source {
    /// `"data:image/png;base64,…"` or `"…"`.
    #[schema(value_type = String)]
    Text(Sent),
    /// `{"image": "…"}`.
    Object(ImageObject),
}

/// The object shape of a picture.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageObject {
    #[schema(value_type = String)]
    image: Sent,
}

/// What was sent of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The encoded picture.
    Bytes(Bytes),
    /// Where it is to be fetched, if that is allowed.
    Address(String),
    /// Neither.
    Unreadable(Unreadable),
}

impl Source {
    /// What was sent.
    pub(crate) fn into_sent(self) -> Sent {
        let (Self::Text(sent) | Self::Object(ImageObject { image: sent })) = self;
        sent
    }
}

impl Sent {
    /// What a text brings.
    pub(crate) fn of(text: &str) -> Self {
        let base64 = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("data") => match data_of_uri(rest) {
                Some(data) => data,
                None => return Self::Unreadable(Unreadable::DataUri),
            },
            Some((scheme, _)) if is_scheme(scheme) => return Self::Address(text.to_owned()),
            _ => text,
        };
        match BASE64.decode(base64.trim()) {
            Ok(decoded) => Self::Bytes(decoded.into()),
            Err(error) => Self::Unreadable(Unreadable::Base64(error.to_string())),
        }
    }
}

fn is_scheme(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 16
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// What follows the comma, if the part before it says base64.
fn data_of_uri(rest: &str) -> Option<&str> {
    let (head, data) = rest.split_once(',')?;
    head.to_ascii_lowercase().ends_with(";base64").then_some(data)
}

impl Counted for Source {
    const OF: Of = Of::Pictures;
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Picture)
    }
}

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Reads either shape. Whatever else is there is refused where it stands, where serde's own untagged enums would first
/// make all of it, however large.
pub(super) struct Picture;

impl<'de> Visitor<'de> for Picture {
    type Value = Source;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a picture, which is a data URI, a base64 string or {\"image\": either}; \
             this model embeds pictures, not text or tokens",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Source, E> {
        Ok(Source::Text(Sent::of(text)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
        ImageObject::deserialize(MapAccessDeserializer::new(map)).map(Source::Object)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Sent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a data URI or a base64 string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Sent, E> {
        Ok(Sent::of(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(json: &str) -> Sent {
        serde_json::from_str::<Source>(json).unwrap().into_sent()
    }

    fn check(json: &str, expected: &[u8]) {
        assert_eq!(sent(json), Sent::Bytes(Bytes::copy_from_slice(expected)), "{json}");
    }

    #[test]
    fn the_shapes_people_send_are_read() {
        check(r#""aGk=""#, b"hi");
        check(r#""aGk""#, b"hi");
        check(r#"" aGk=\n""#, b"hi");
        check(r#""data:image/png;base64,aGk=""#, b"hi");
        check(r#""DATA:;charset=x;BASE64,aGk=""#, b"hi");
        check(r#"{"image":"data:image/png;base64,aGk="}"#, b"hi");
        check(r#""""#, b"");
    }

    #[test]
    fn everything_else_is_refused_and_never_echoed() {
        for address in ["http://127.0.0.1/a.png", "https://x/y", "file:///etc/passwd", "HTTP://x"] {
            assert_eq!(sent(&format!("{address:?}")), Sent::Address(address.to_owned()));
        }
        assert!(matches!(sent(r#""a photo of a cat""#), Sent::Unreadable(Unreadable::Base64(_))));
        assert_eq!(sent(r#""data:image/png,raw""#), Sent::Unreadable(Unreadable::DataUri));
        assert_eq!(sent(r#""data:image/png;base64""#), Sent::Unreadable(Unreadable::DataUri));
        for none in ["[1,2]", r#"{"text":"x"}"#, "{}", r#"{"image":{"image":"aGk="}}"#, "7", "null"] {
            assert!(serde_json::from_str::<Source>(none).is_err(), "{none}");
        }
        assert!(!format!("{:?}", sent(r#""!secret!""#)).contains("secret"));
    }
}
