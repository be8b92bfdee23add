//! Records cut into requests that are small enough for Milvus, by the bytes that they really take.

use crate::Record;

/// Bytes of one upsert; the server's limit is 64 MiB.
pub(super) const UPSERT_BYTES: usize = 16 << 20;
/// What a record takes beside its id, its vector and its payload, about: the hash of its content and what holds it all.
const RECORD_BYTES: usize = 160;

/// Cuts records into parts of at most `most` bytes each; one that is larger alone is a part of its own.
pub(super) fn parts(records: &[Record], most: usize) -> Vec<&[Record]> {
    let (mut parts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (i, record) in records.iter().enumerate() {
        let more = bytes_of(record);
        if i > start && bytes + more > most {
            parts.push(&records[start..i]);
            (start, bytes) = (i, 0);
        }
        bytes += more;
    }
    if start < records.len() {
        parts.push(&records[start..]);
    }
    parts
}

fn bytes_of(record: &Record) -> usize {
    RECORD_BYTES + record.id.len() + size_of_val(record.vector.as_slice()) + record.payload.to_string().len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(i: usize, payload_bytes: usize) -> Record {
        Record::new(format!("{i:05}"), vec![1.0; 128], json!("x".repeat(payload_bytes)))
    }

    #[test]
    fn parts_are_as_large_as_allowed_whatever_the_payloads() {
        // The largest payloads there may be, none at all, and both.
        for sizes in [[64 << 10, 64 << 10], [0, 0], [0, 60 << 10]] {
            let records: Vec<Record> =
                (0..2000).map(|i| record(i, sizes[i % 2] - sizes[i % 2] / 1000)).collect();
            let parts = parts(&records, UPSERT_BYTES);
            let together: Vec<&Record> = parts.iter().copied().flatten().collect();
            assert_eq!(together, records.iter().collect::<Vec<_>>());
            let bytes: Vec<usize> = parts.iter().map(|part| part.iter().map(bytes_of).sum()).collect();
            assert!(bytes.iter().all(|bytes| *bytes <= UPSERT_BYTES), "{bytes:?}");
            let full = bytes.split_last().unwrap().1;
            assert!(full.iter().all(|bytes| *bytes > UPSERT_BYTES - (128 << 10)), "{bytes:?}");
        }
        let records = [record(0, 100), record(1, 100)];
        assert_eq!(parts(&records, 1).len(), 2, "one that is too large goes alone");
        assert!(parts(&[], 1).is_empty());
    }
}
