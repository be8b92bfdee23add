//! How a record and a collection's description become bytes, and back.
//!
//! Format 3. Table `records`: id → sequence (7 bytes), what follows (1 byte, a bit each), content hash (32 bytes, where
//! there is one), vector (4 or 2 bytes a number, as the configuration says), payload (JSON), little-endian. Table `contents`: (content hash, id) → nothing.
//! Table `meta`: `format`, `next_sequence` (8 bytes each) and `config` (JSON). The file itself checksums every page,
//! so decoding only has to notice what cannot be a record at all.
//!
//! Format 1 had no hashes and no `contents`; its sequences took 8 bytes of which the last was never reached, so that its
//! records read as ones without a hash. The first write makes such a file one of today's format; a record in it gets its hash when
//! it is written again. Format 2 had no configurations that name a `dtype` or what to `keep`.

use redb::TableDefinition;

use crate::content::CONTENT_BYTES;
use crate::{CollectionConfig, ContentHash, Dtype};

/// The format this program writes; it reads those before, too.
pub(crate) const FORMAT: u64 = 3;
pub(crate) const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(crate) const KEY_FORMAT: &str = "format";
pub(crate) const KEY_CONFIG: &str = "config";
pub(crate) const KEY_NEXT_SEQUENCE: &str = "next_sequence";

const SEQUENCE_BYTES: usize = 7;
/// The sequence, and what follows it.
const HEAD_BYTES: usize = SEQUENCE_BYTES + 1;
/// A content hash follows.
const HAS_CONTENT: u8 = 1;

/// What a collection's vectors are as bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) dimension: usize,
    dtype: Dtype,
}

impl From<&CollectionConfig> for Shape {
    fn from(config: &CollectionConfig) -> Self {
        Self { dimension: config.dimension, dtype: config.dtype }
    }
}

/// A record's bytes; the sequence is filled in when its turn to be written comes.
#[derive(Clone, Debug)]
pub(crate) struct Encoded(Vec<u8>);

impl Encoded {
    pub(crate) fn new(
        content: Option<ContentHash>,
        vector: &[f32],
        dtype: Dtype,
        payload_json: &[u8],
    ) -> Self {
        let content = content.as_ref().map_or(&[][..], |content| content.bytes());
        let length = HEAD_BYTES + content.len() + dtype.bytes() * vector.len() + payload_json.len();
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&[0; SEQUENCE_BYTES]);
        bytes.push(if content.is_empty() { 0 } else { HAS_CONTENT });
        bytes.extend_from_slice(content);
        dtype.write(vector, &mut bytes);
        bytes.extend_from_slice(payload_json);
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// How many tables it is written to.
    pub(crate) fn tables(&self) -> u64 {
        1 + u64::from(content_of(&self.0).is_some())
    }

    pub(crate) fn with_sequence(&mut self, sequence: u64) -> &[u8] {
        self.0[..SEQUENCE_BYTES].copy_from_slice(&sequence.to_le_bytes()[..SEQUENCE_BYTES]);
        &self.0
    }
}

/// A record's bytes taken apart.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub(crate) sequence: u64,
    pub(crate) content: Option<ContentHash>,
    vector: &'a [u8],
    dtype: Dtype,
    payload: &'a [u8],
}

impl<'a> Decoded<'a> {
    /// Takes a record apart, unless it cannot be one.
    pub(crate) fn new(bytes: &'a [u8], Shape { dimension, dtype }: Shape) -> Option<Self> {
        let (sequence, content, rest) = head(bytes)?;
        let (vector, payload) = rest.split_at_checked(dtype.bytes() * dimension)?;
        Some(Self { sequence, content, vector, dtype, payload })
    }

    pub(crate) fn vector(&self) -> Vec<f32> {
        self.dtype.read(self.vector)
    }

    pub(crate) fn payload(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::from_slice(self.payload)
    }
}

/// The content hash of a record.
pub(crate) fn content_of(bytes: &[u8]) -> Option<ContentHash> {
    head(bytes).and_then(|(_, content, _)| content)
}

/// A record's sequence and content hash, and what comes after them.
fn head(bytes: &[u8]) -> Option<(u64, Option<ContentHash>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let sequence = u64::from_le_bytes(*head) & (u64::MAX >> 8);
    match head[SEQUENCE_BYTES] {
        0 => Some((sequence, None, rest)),
        HAS_CONTENT => {
            let (content, rest) = rest.split_first_chunk::<CONTENT_BYTES>()?;
            Some((sequence, Some(ContentHash::new(*content)), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(dimension: usize) -> Shape {
        Shape { dimension, dtype: Dtype::F32 }
    }

    #[test]
    fn comes_back_bit_for_bit() {
        let vector = [1.5f32, -0.0, f32::MIN_POSITIVE / 2.0, 3.402_823_5e38];
        let payload = serde_json::json!({"a": [1, 2.225e-308, "ü"], "n": null});
        let payload_json = serde_json::to_vec(&payload).expect("JSON");
        for (content, to_payload) in [(None, 24), (Some(ContentHash::of(b"a picture")), 56)] {
            let mut encoded = Encoded::new(content, &vector, Dtype::F32, &payload_json);
            let mut bytes = encoded.with_sequence((1 << 56) - 2).to_vec();
            let decoded = Decoded::new(&bytes, shape(4)).expect("long enough");
            assert_eq!((decoded.sequence, decoded.content), ((1 << 56) - 2, content));
            assert_eq!(content_of(&bytes), content);
            assert_eq!(decoded.vector().map_bits(), vector.to_vec().map_bits());
            assert_eq!(decoded.payload().expect("JSON"), payload);
            assert!(Decoded::new(&bytes[..to_payload - 1], shape(4)).is_none());
            assert!(Decoded::new(&bytes[..to_payload], shape(4)).expect("a vector").payload().is_err());
            bytes[SEQUENCE_BYTES] |= 0x40;
            assert!(Decoded::new(&bytes, shape(4)).is_none(), "what follows is not known");
        }
    }

    #[test]
    fn a_record_of_format_1_is_one_without_a_hash() {
        let (sequence, numbers) = (12_345u64.to_le_bytes(), [1.5f32.to_le_bytes(), 2.0f32.to_le_bytes()]);
        let bytes = [&sequence[..], &numbers.concat(), b"{}"].concat();
        let decoded = Decoded::new(&bytes, shape(2)).expect("a record");
        assert_eq!((decoded.sequence, decoded.content, decoded.vector()), (12_345, None, vec![1.5, 2.0]));
    }

    trait MapBits {
        fn map_bits(&self) -> Vec<u32>;
    }

    impl MapBits for Vec<f32> {
        fn map_bits(&self) -> Vec<u32> {
            self.iter().map(|x| x.to_bits()).collect()
        }
    }
}
