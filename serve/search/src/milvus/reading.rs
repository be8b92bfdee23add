//! Reading records of a collection on Milvus by id and by range, in answers that are small enough to arrive.

use std::collections::HashMap;

use milvus::v2::prelude::{ConsistencyLevel, FieldData, QueryRequest, QueryResults};

use super::collection::MilvusCollection;
use super::contents::taken_apart;
use super::expression::quoted;
use super::{FIELD_ID, FIELD_PAYLOAD, FIELD_VECTOR};
use crate::{Record, SearchError};

/// Ids in one answer: as many of the longest ones stay below 4 MiB, and Milvus gives 16,384 rows at most.
pub(super) const IDS_MAX: usize = 8192;
/// Bytes of records asked for at once, by what one usually takes.
const FETCH_BYTES: usize = 2 << 20;

impl MilvusCollection {
    /// Rows that fulfil an expression; a count takes no limit.
    pub(super) fn query(
        &self,
        filter: &str,
        fields: &[&str],
        limit: Option<usize>,
    ) -> Result<QueryResults, SearchError> {
        let response = self.link.wait("reading records", async {
            let request = QueryRequest::builder()
                .collection_name(&self.stored)
                .filter(filter)
                .output_fields(fields.iter().copied())
                .consistency_level(ConsistencyLevel::Strong);
            let request = match limit {
                Some(limit) => request.limit(limit as i64),
                None => request,
            };
            self.link.client.query(request.build()?).await
        })?;
        Ok(response.results().clone())
    }

    /// The ids of rows that fulfil an expression, as many as fit an answer.
    pub(super) fn ids_where(&self, filter: &str) -> Result<Vec<String>, SearchError> {
        let results = self.query(filter, &[FIELD_ID], Some(IDS_MAX))?;
        if results.get_row_count() == 0 {
            return Ok(Vec::new());
        }
        let ids = results.get_output_field(FIELD_ID).and_then(FieldData::as_varchar);
        ids.map(<[String]>::to_vec).ok_or_else(|| self.malformed())
    }

    /// How many of these ids there are.
    pub(super) fn existing(&self, ids: &[String]) -> Result<usize, SearchError> {
        ids.chunks(1000).map(|ids| Ok(self.ids_where(&any_of(ids))?.len())).sum()
    }

    /// The first `limit` ids after one. Milvus gives rows in no order, so a range is halved until all of it comes.
    pub(super) fn ids_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, SearchError> {
        let (mut from, mut found) = (after.unwrap_or("").to_owned(), Vec::new());
        while found.len() < limit {
            let mut to: Option<String> = None;
            let mut ids = loop {
                let end =
                    to.as_ref().map_or(String::new(), |to| format!(" and {FIELD_ID} <= {}", quoted(to)));
                let mut ids = self.ids_where(&format!("{FIELD_ID} > {}{end}", quoted(&from)))?;
                ids.sort();
                if ids.len() < IDS_MAX {
                    break ids;
                }
                to = ids.get(ids.len() / 2 - 1).cloned();
            };
            found.append(&mut ids);
            match to {
                Some(to) => from = to,
                None => break,
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Records by id; those that are not there are left out.
    pub(super) fn fetch(
        &self,
        ids: &[String],
        with_vectors: bool,
    ) -> Result<HashMap<String, Record>, SearchError> {
        let bytes = if with_vectors { 4 * self.config.dimension + 1024 } else { 1024 };
        let mut records = HashMap::with_capacity(ids.len());
        for part in ids.chunks((FETCH_BYTES / bytes).max(1)) {
            self.fetch_part(part, with_vectors, &mut records)?;
        }
        Ok(records)
    }

    fn fetch_part(
        &self,
        ids: &[String],
        with_vectors: bool,
        records: &mut HashMap<String, Record>,
    ) -> Result<(), SearchError> {
        let fields: &[&str] =
            if with_vectors { &[FIELD_ID, FIELD_PAYLOAD, FIELD_VECTOR] } else { &[FIELD_ID, FIELD_PAYLOAD] };
        let response = self.query(&any_of(ids), fields, Some(ids.len()));
        let results = match response {
            // Payloads were larger than usual: the answer did not fit.
            Err(SearchError::Remote { reason, .. })
                if reason.contains("message length too large") && ids.len() > 1 =>
            {
                let (left, right) = ids.split_at(ids.len() / 2);
                self.fetch_part(left, with_vectors, records)?;
                return self.fetch_part(right, with_vectors, records);
            }
            other => other?,
        };
        if results.get_row_count() == 0 {
            return Ok(());
        }
        let found = results.get_output_field(FIELD_ID).and_then(FieldData::as_varchar);
        let payloads = results.get_output_field(FIELD_PAYLOAD).and_then(FieldData::as_json);
        let (Some(found), Some(payloads)) = (found, payloads) else { return Err(self.malformed()) };
        let vectors = results.get_output_field(FIELD_VECTOR).and_then(FieldData::as_float_vectors);
        for (i, (id, payload)) in found.iter().zip(payloads).enumerate() {
            let vector = vectors.and_then(|vectors| vectors.get(i)).cloned().unwrap_or_default();
            let (payload, content) = taken_apart(payload.clone());
            records.insert(id.clone(), Record { id: id.clone(), vector, payload, content });
        }
        Ok(())
    }
}

/// The expression of a list of ids; written out, since not every Milvus knows the client's templates.
pub(super) fn any_of(ids: &[String]) -> String {
    let list: Vec<String> = ids.iter().map(|id| quoted(id)).collect();
    format!("{FIELD_ID} in [{}]", list.join(", "))
}
