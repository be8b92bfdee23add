//! How a record and a collection's description become bytes, and back.
//!
//! Format 1. Table `records`: id → sequence (8 bytes), vector (4 bytes a number), payload (JSON), little-endian.
//! Table `meta`: `format`, `next_sequence` (8 bytes each) and `config` (JSON). The file itself checksums every page,
//! so decoding only has to notice what cannot be a record at all.

use redb::TableDefinition;

/// The format this program reads and writes.
pub(crate) const FORMAT: u64 = 1;
pub(crate) const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(crate) const KEY_FORMAT: &str = "format";
pub(crate) const KEY_CONFIG: &str = "config";
pub(crate) const KEY_NEXT_SEQUENCE: &str = "next_sequence";

const SEQUENCE_BYTES: usize = 8;
const NUMBER_BYTES: usize = 4;

/// A record's bytes; the sequence is filled in when its turn to be written comes.
#[derive(Clone, Debug)]
pub(crate) struct Encoded(Vec<u8>);

impl Encoded {
    pub(crate) fn new(vector: &[f32], payload_json: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(SEQUENCE_BYTES + NUMBER_BYTES * vector.len() + payload_json.len());
        bytes.extend_from_slice(&[0; SEQUENCE_BYTES]);
        vector.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
        bytes.extend_from_slice(payload_json);
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn with_sequence(&mut self, sequence: u64) -> &[u8] {
        self.0[..SEQUENCE_BYTES].copy_from_slice(&sequence.to_le_bytes());
        &self.0
    }
}

/// A record's bytes taken apart.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub(crate) sequence: u64,
    vector: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Decoded<'a> {
    /// Takes a record apart, unless it is too short to be one.
    pub(crate) fn new(bytes: &'a [u8], dimension: usize) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk::<SEQUENCE_BYTES>()?;
        let (vector, payload) = rest.split_at_checked(NUMBER_BYTES * dimension)?;
        Some(Self { sequence: u64::from_le_bytes(*sequence), vector, payload })
    }

    pub(crate) fn vector(&self) -> Vec<f32> {
        let numbers = self.vector.as_chunks::<NUMBER_BYTES>().0;
        numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    pub(crate) fn payload(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::from_slice(self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_bit_for_bit() {
        let vector = [1.5f32, -0.0, f32::MIN_POSITIVE / 2.0, 3.402_823_5e38];
        let payload = serde_json::json!({"a": [1, 2.225e-308, "ü"], "n": null});
        let mut encoded = Encoded::new(&vector, &serde_json::to_vec(&payload).expect("JSON"));
        let bytes = encoded.with_sequence(u64::MAX - 1).to_vec();
        let decoded = Decoded::new(&bytes, 4).expect("long enough");
        assert_eq!(decoded.sequence, u64::MAX - 1);
        assert_eq!(decoded.vector().map_bits(), vector.to_vec().map_bits());
        assert_eq!(decoded.payload().expect("JSON"), payload);
        assert!(Decoded::new(&bytes[..23], 4).is_none());
        assert!(Decoded::new(&bytes[..24], 4).expect("a vector").payload().is_err());
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
