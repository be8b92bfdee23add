//! A picture as JSON writes it: a data URI, bare base64, or `{"image": …}` around either.
//!
//! Out come encoded bytes, not yet decoded, or an address, not yet fetched.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::ApiError;

/// Padding is optional on the way in, as data URIs made by browsers and by hand differ in it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One picture of a JSON body.
#[derive(Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "a picture is a data URI, a base64 string or {\"image\": either}; not text, not tokens"
)]
pub(crate) enum Source {
    /// `"data:image/png;base64,…"` or `"…"`.
    Text(String),
    /// `{"image": "…"}`.
    Object(ImageObject),
}

/// The object shape of a picture.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageObject {
    image: String,
}

/// What was sent of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The encoded picture.
    Bytes(Bytes),
    /// Where it is to be fetched, if that is allowed.
    Address(String),
}

impl Source {
    /// What was sent.
    pub(crate) fn sent(&self) -> Result<Sent, ApiError> {
        let (Self::Text(text) | Self::Object(ImageObject { image: text })) = self;
        let base64 = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("data") => data_of_uri(rest)?,
            Some((scheme, _)) if is_scheme(scheme) => return Ok(Sent::Address(text.clone())),
            _ => text,
        };
        let decoded = BASE64.decode(base64.trim()).map_err(|error| {
            let message =
                format!("neither a data URI nor base64 ({error}); this model embeds pictures, not text");
            ApiError::bad("invalid_base64", message)
        })?;
        Ok(Sent::Bytes(decoded.into()))
    }
}

fn is_scheme(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 16
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// What follows the comma, if the part before it says base64.
fn data_of_uri(rest: &str) -> Result<&str, ApiError> {
    match rest.split_once(',') {
        Some((head, data)) if head.to_ascii_lowercase().ends_with(";base64") => Ok(data),
        _ => Err(ApiError::bad("invalid_data_uri", "a data URI must read data:image/…;base64,…")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<&[u8], &str>) {
        let source: Source = serde_json::from_str(json).unwrap();
        let found = source.sent().map_err(|error| format!("{error:?}"));
        match (expected, found) {
            (Ok(expected), Ok(found)) => {
                assert_eq!(found, Sent::Bytes(Bytes::copy_from_slice(expected)), "{json}");
            }
            (Err(expected), Err(found)) => assert!(found.contains(expected), "{json}: {found}"),
            (expected, found) => panic!("{json}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn the_shapes_people_send_are_read() {
        check(r#""aGk=""#, Ok(b"hi"));
        check(r#""aGk""#, Ok(b"hi"));
        check(r#"" aGk=\n""#, Ok(b"hi"));
        check(r#""data:image/png;base64,aGk=""#, Ok(b"hi"));
        check(r#""DATA:;charset=x;BASE64,aGk=""#, Ok(b"hi"));
        check(r#"{"image":"data:image/png;base64,aGk="}"#, Ok(b"hi"));
        check(r#""""#, Ok(b""));
    }

    #[test]
    fn everything_else_is_refused_and_never_echoed() {
        for address in ["http://127.0.0.1/a.png", "https://x/y", "file:///etc/passwd", "HTTP://x"] {
            let source: Source = serde_json::from_str(&format!("{address:?}")).unwrap();
            assert_eq!(source.sent().unwrap(), Sent::Address(address.to_owned()));
        }
        check(r#""a photo of a cat""#, Err("invalid_base64"));
        check(r#""data:image/png,raw""#, Err("invalid_data_uri"));
        check(r#""data:image/png;base64""#, Err("invalid_data_uri"));
        assert!(serde_json::from_str::<Source>("[1,2]").is_err());
        assert!(serde_json::from_str::<Source>(r#"{"text":"x"}"#).is_err());
        let source: Source = serde_json::from_str(r#""!secret!""#).unwrap();
        assert!(!format!("{:?}", source.sent().unwrap_err()).contains("secret"));
    }
}
