//! What a picture's bytes hash to, by which the same picture under two ids is known.
//!
//! Bytes or sixty-four digits in, thirty-two bytes out. It knows nothing of pictures: any byte counts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a hash.
pub(crate) const CONTENT_BYTES: usize = 32;

/// SHA-256 of a picture's bytes as they came; as text, sixty-four hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentHash([u8; CONTENT_BYTES]);

/// A text that is no hash: send the SHA-256 of the picture's bytes in hexadecimal, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a content hash is a SHA-256, 64 hexadecimal digits")]
pub struct NoContentHash;

impl ContentHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub(crate) fn new(bytes: [u8; CONTENT_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; CONTENT_BYTES] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl FromStr for ContentHash {
    type Err = NoContentHash;

    fn from_str(text: &str) -> Result<Self, NoContentHash> {
        let digits = text.as_bytes();
        if digits.len() != 2 * CONTENT_BYTES {
            return Err(NoContentHash);
        }
        let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8).ok_or(NoContentHash);
        let mut bytes = [0; CONTENT_BYTES];
        for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
            *byte = 16 * digit(*high)? + digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = NoContentHash;

    fn try_from(text: String) -> Result<Self, NoContentHash> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_sha256sum_says_and_reads_itself() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hash = ContentHash::of(b"abc");
        assert_eq!(hash.to_string(), known);
        assert_eq!((known.parse(), known.to_uppercase().parse()), (Ok(hash), Ok(hash)));
        for bad in ["", "ab", &known[1..], &format!("{known}0"), &known.replace('b', "g"), &"ü".repeat(32)] {
            assert_eq!(bad.parse::<ContentHash>(), Err(NoContentHash), "{bad}");
        }
    }
}
