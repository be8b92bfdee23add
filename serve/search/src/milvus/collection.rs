//! One collection on a Milvus cluster.
//!
//! Answers of Milvus may hold 4 MiB and requests 64 MiB, so both are cut into parts: a request of several parts that
//! fails half way may have stored some of them. Everything is read with strong consistency.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use milvus::v2::prelude::{
    ConsistencyLevel, DeleteRequest, FieldData, Ids, InsertRequest, SearchRequest, SearchVectors,
    UpsertRequest,
};
use serde_json::Value;

use super::contents::stored;
use super::expression::expression;
use super::parts::{UPSERT_BYTES, parts};
use super::reading::any_of;
use super::{FIELD_ID, FIELD_PAYLOAD, FIELD_VECTOR, Link};
use crate::asking::{check_limit, check_query, check_request};
use crate::grouping::{self, Found};
use crate::record::{check_id, normalised, payload_json};
use crate::{
    CollectionConfig, ContentHash, Limits, Neighbour, Query, Record, SearchError, Upserted, VectorCollection,
};

/// The widest walk Milvus makes; there is no exact search beside its index.
const EF_MAX: usize = 32_768;
const EF: usize = 64;
/// Most neighbours that Milvus gives.
const FOUND_MAX: usize = 16_384;

/// A collection of a cluster.
pub(super) struct MilvusCollection {
    pub(super) name: String,
    /// Its name in Milvus.
    pub(super) stored: String,
    pub(super) config: CollectionConfig,
    pub(super) limits: Arc<Limits>,
    pub(super) link: Arc<Link>,
}

impl MilvusCollection {
    pub(super) fn malformed(&self) -> SearchError {
        let what = format!("reading collection \"{}\"", self.name);
        SearchError::Remote { what, reason: "the answer lacks a field".to_owned() }
    }

    fn check(&self, record: &Record) -> Result<(), SearchError> {
        check_id(&record.id, &self.limits)?;
        normalised(&record.vector, self.config.dimension, || format!("record \"{}\"", record.id))?;
        payload_json(&record.id, &record.payload, &self.limits).map(|_| ())
    }

    fn upsert_part(&self, records: &[Record]) -> Result<(), SearchError> {
        let columns = vec![
            FieldData::varchar(FIELD_ID, records.iter().map(|record| record.id.clone()).collect()),
            FieldData::float_vector(
                FIELD_VECTOR,
                records.iter().map(|record| record.vector.clone()).collect(),
            ),
            FieldData::json(FIELD_PAYLOAD, records.iter().map(stored).collect()),
        ];
        self.link.wait("storing records", async {
            let rows = InsertRequest::builder().collection_name(&self.stored).columns(columns).build()?;
            self.link.client.upsert(UpsertRequest::builder().insert(rows).build()?).await
        })?;
        Ok(())
    }

    /// Scores and ids of the best `limit` for one query, best first.
    fn nearest(
        &self,
        query: &Query,
        direction: Vec<f32>,
        limit: usize,
    ) -> Result<Vec<(f32, String)>, SearchError> {
        let filter = query.filter.as_ref().map_or(Ok(String::new()), expression)?;
        let wide = if query.exact { EF_MAX } else { query.ef.unwrap_or(EF).max(limit + limit / 2) };
        let params = HashMap::from([("ef".to_owned(), wide.min(EF_MAX).to_string())]);
        let response = self.link.wait("searching", async {
            let request = SearchRequest::builder()
                .collection_name(&self.stored)
                .vector_field(FIELD_VECTOR)
                .vectors(SearchVectors::Float(vec![direction]))
                .filter(filter)
                .limit(limit as i64)
                .extra_params(params)
                .consistency_level(ConsistencyLevel::Strong)
                .build()?;
            self.link.client.search(request).await
        })?;
        let Some(result) = response.results().iter().next() else { return Ok(Vec::new()) };
        let scores = result.get_scores().iter().copied();
        let mut found: Vec<(f32, String)> = match result.get_ids() {
            Ids::VarChar(ids) => scores.zip(ids.iter().cloned()).collect(),
            _ if result.is_empty() => Vec::new(),
            _ => return Err(self.malformed()),
        };
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        found.retain(|(score, _)| query.min_score.is_none_or(|min| *score >= min));
        Ok(found)
    }

    /// The best of each group of duplicates among the nearest that Milvus tells of.
    fn distinct(&self, query: &Query, direction: &[f32]) -> Result<Vec<Neighbour>, SearchError> {
        grouping::distinct(query, self.limits.duplicates_max, |limit| {
            let limit = limit.min(FOUND_MAX);
            let found = self.nearest(query, direction.to_vec(), limit)?;
            let ids: Vec<String> = found.iter().map(|(_, id)| id.clone()).collect();
            let (all, mut records) = (found.len() < limit || limit == FOUND_MAX, self.fetch(&ids, true)?);
            // One that was deleted since is nobody's duplicate.
            let there = found.into_iter().filter_map(|(score, id)| Some((score, records.remove(&id)?)));
            let found = there.map(|(score, record)| Found::new(score, record, query.with_payload));
            Ok((found.collect::<Result<_, _>>()?, all))
        })
    }
}

impl VectorCollection for MilvusCollection {
    fn name(&self) -> &str {
        &self.name
    }

    fn config(&self) -> &CollectionConfig {
        &self.config
    }

    fn upsert(&self, records: Vec<Record>) -> Result<Upserted, SearchError> {
        check_request(records.len(), &self.limits)?;
        records.iter().try_for_each(|record| self.check(record))?;
        let duplicates = self.duplicates(&records)?;
        let (given, mut seen) = (records.len(), BTreeSet::new());
        // Of several with one id the last stays, and Milvus refuses to be given more.
        let mut records: Vec<Record> =
            records.into_iter().rev().filter(|record| seen.insert(record.id.clone())).collect();
        records.reverse();
        let replaced = self.existing(&seen.into_iter().collect::<Vec<_>>())?;
        let inserted = records.len() - replaced;
        parts(&records, UPSERT_BYTES).into_iter().try_for_each(|part| self.upsert_part(part))?;
        Ok(Upserted { inserted, replaced: given - inserted, duplicates })
    }

    fn delete(&self, ids: &[String]) -> Result<usize, SearchError> {
        check_request(ids.len(), &self.limits)?;
        let unique: Vec<String> = ids.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let there = self.existing(&unique)?;
        for part in unique.chunks(1000) {
            self.link.wait("deleting records", async {
                let request = DeleteRequest::builder().collection_name(&self.stored).filter(any_of(part));
                self.link.client.delete(request.build()?).await
            })?;
        }
        Ok(there)
    }

    fn get(&self, id: &str) -> Result<Option<Record>, SearchError> {
        Ok(self.fetch(&[id.to_owned()], true)?.remove(id))
    }

    fn by_content(&self, content: ContentHash) -> Result<Option<String>, SearchError> {
        Ok(self.ids_of_contents(&[content])?.into_iter().min())
    }

    fn by_contents(&self, contents: &[ContentHash]) -> Result<Vec<(ContentHash, String)>, SearchError> {
        let records = self.fetch(&self.ids_of_contents(contents)?, false)?;
        let mut first = std::collections::BTreeMap::<ContentHash, String>::new();
        for (id, content) in records.into_values().filter_map(|record| Some((record.id, record.content?))) {
            let held = first.entry(content).or_insert_with(|| id.clone());
            if id < *held {
                *held = id;
            }
        }
        Ok(first.into_iter().collect())
    }

    fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Record>, SearchError> {
        check_limit(limit, self.limits.page_limit_max)?;
        let ids = self.ids_after(after, limit)?;
        let mut records = self.fetch(&ids, true)?;
        Ok(ids.iter().filter_map(|id| records.remove(id)).collect())
    }

    fn count(&self) -> Result<usize, SearchError> {
        let results = self.query("", &["count(*)"], None)?;
        let count = results.get_output_field("count(*)").and_then(FieldData::as_int64);
        let count = count.and_then(|count| count.first().copied()).ok_or_else(|| self.malformed())?;
        usize::try_from(count).map_err(|_| self.malformed())
    }

    fn check(&self, query: &Query) -> Result<(), SearchError> {
        check_query(query, self.config.dimension, &self.limits)?;
        query.filter.as_ref().map_or(Ok(()), |filter| expression(filter).map(|_| ()))
    }

    fn search_many(&self, queries: &[Query]) -> Result<Vec<Vec<Neighbour>>, SearchError> {
        check_request(queries.len(), &self.limits)?;
        queries.iter().map(|query| self.search(query)).collect()
    }

    fn search(&self, query: &Query) -> Result<Vec<Neighbour>, SearchError> {
        let direction = check_query(query, self.config.dimension, &self.limits)?;
        if query.distinct {
            return self.distinct(query, &direction);
        }
        let mut found = self.nearest(query, direction, query.offset + query.limit)?;
        found.drain(..query.offset.min(found.len()));
        let ids: Vec<String> = found.iter().map(|(_, id)| id.clone()).collect();
        let mut records = if query.with_payload { self.fetch(&ids, false)? } else { HashMap::new() };
        // One that was deleted since has no payload any more.
        let mut about = |id: &String| match query.with_payload {
            true => records.remove(id).map(|record| (record.payload, record.content)),
            false => Some((Value::Null, None)),
        };
        let neighbour = |(score, id): (f32, String)| {
            let (payload, content) = about(&id)?;
            Some(Neighbour { id, score, payload, content, duplicates: vec![] })
        };
        Ok(found.into_iter().filter_map(neighbour).collect())
    }
}
