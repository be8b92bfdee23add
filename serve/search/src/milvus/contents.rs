//! Contents on Milvus: a hash lies beside its record's payload, in the same JSON, where older collections have room for it too.
//!
//! There is no index of it: looking for a content reads that field of every record.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::FIELD_PAYLOAD;
use super::collection::MilvusCollection;
use super::reading::IDS_MAX;
use crate::{ContentHash, Duplicate, Record, SearchError};

/// Contents asked for at once.
const CONTENTS_MAX: usize = 200;
const KEY_PAYLOAD: &str = "p";
const KEY_CONTENT: &str = "c";

/// The JSON that holds a record's payload and content.
pub(super) fn stored(record: &Record) -> Value {
    match record.content {
        Some(content) => json!({KEY_PAYLOAD: record.payload, KEY_CONTENT: content}),
        None => json!({KEY_PAYLOAD: record.payload}),
    }
}

/// Payload and content of the JSON that holds them.
pub(super) fn taken_apart(mut stored: Value) -> (Value, Option<ContentHash>) {
    let content = stored.get(KEY_CONTENT).and_then(Value::as_str).and_then(|text| text.parse().ok());
    (stored.get_mut(KEY_PAYLOAD).map(Value::take).unwrap_or_default(), content)
}

impl MilvusCollection {
    /// The ids of the records of some contents.
    pub(super) fn ids_of_contents(&self, contents: &[ContentHash]) -> Result<Vec<String>, SearchError> {
        let mut ids = Vec::new();
        for part in contents.chunks(CONTENTS_MAX) {
            let equal = |content| format!("{FIELD_PAYLOAD}[\"{KEY_CONTENT}\"] == \"{content}\"");
            let any: Vec<String> = part.iter().map(equal).collect();
            let mut found = self.ids_where(&any.join(" or "))?;
            if found.len() >= IDS_MAX && part.len() > 1 {
                // One content with many records must not hide the others'.
                let (first, second) = part.split_at(part.len() / 2);
                found = [self.ids_of_contents(first)?, self.ids_of_contents(second)?].concat();
            }
            ids.append(&mut found);
        }
        Ok(ids)
    }

    /// Which of the records that are to be stored, one after the other, have a content that another has by then.
    pub(super) fn duplicates(&self, records: &[Record]) -> Result<Vec<Duplicate>, SearchError> {
        let contents: BTreeSet<ContentHash> = records.iter().filter_map(|record| record.content).collect();
        let contents: Vec<ContentHash> = contents.into_iter().collect();
        let ids = self.ids_of_contents(&contents)?;
        let (mut held, mut holders) = (HashMap::new(), HashMap::<ContentHash, BTreeSet<String>>::new());
        for (id, record) in self.fetch(&ids, false)? {
            if let Some(content) = record.content {
                holders.entry(content).or_default().insert(id.clone());
                held.insert(id, content);
            }
        }
        let mut duplicates = Vec::new();
        for Record { id, content, .. } in records {
            if let Some(others) = held.remove(id).and_then(|old| holders.get_mut(&old)) {
                others.remove(id);
            }
            let Some(content) = *content else { continue };
            let others = holders.entry(content).or_default();
            if let Some(of) = others.first() {
                duplicates.push(Duplicate { id: id.clone(), of: of.clone() });
            }
            others.insert(id.clone());
            held.insert(id.clone(), content);
        }
        Ok(duplicates)
    }
}
