//! Is everything still what it was? Every byte of a collection is read again, and a sample's neighbours are counted.
//!
//! In goes an open collection, out come words about what is damaged; nothing is changed. The checksums of the records'
//! file are compared when it is opened, those of the segments also here. Writers go on meanwhile.

use std::sync::Arc;

use crate::record::normalised;
use crate::segment::Segment;
use crate::shared::Shared;
use crate::store::Snapshot;
use crate::{Collection, Query, SearchError};

/// Neighbours compared for each record of the sample.
const NEIGHBOURS: usize = 10;
/// Scores of two ways to add up the same products differ by less.
const SAME: f32 = 1e-5;

/// What a check of a whole collection found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// Records read and decoded.
    pub records: usize,
    /// Segments in use, all of whose bytes were compared with their checksums.
    pub segments: usize,
    /// Records whose neighbours were looked for both ways.
    pub sampled: usize,
    /// Share of their ten nearest neighbours, by exact search, that the approximate search found; `None` without a sample.
    pub recall: Option<f64>,
    /// What is wrong, or was when the collection was opened; empty when all is well.
    pub damage: Vec<String>,
}

/// Checks one collection.
pub(crate) fn run(collection: &Collection, shared: &Shared, sample: usize) -> Result<Verified, SearchError> {
    let (snapshot, segments, known) = {
        let state = shared.read();
        let segments: Vec<Arc<Segment>> =
            state.index.segments().map(|(segment, _)| Arc::clone(segment)).collect();
        (state.snapshot()?, segments, state.index.len())
    };
    let mut verified =
        Verified { segments: segments.len(), damage: shared.damage().to_vec(), ..Verified::default() };
    for segment in &segments {
        if let Err(reason) = segment.check() {
            verified.damage.push(format!("segment {}: {reason}", segment.file()));
        }
    }
    let step = (sample > 0).then(|| known.div_ceil(sample).max(1));
    let queries = match read(collection, &snapshot, &segments, step, &mut verified) {
        Ok(queries) => queries,
        Err(error) => {
            verified.damage.push(error.to_string());
            Vec::new()
        }
    };
    if verified.damage.is_empty() && verified.records != known {
        let records = verified.records;
        verified.damage.push(format!("{records} records are in the file and {known} are searched"));
    }
    verified.sampled = queries.len();
    verified.recall = recall(collection, &queries)?;
    Ok(verified)
}

/// Reads every record, and returns the vector of one in `step`.
fn read(
    collection: &Collection,
    snapshot: &Snapshot,
    segments: &[Arc<Segment>],
    step: Option<usize>,
    verified: &mut Verified,
) -> Result<Vec<Vec<f32>>, SearchError> {
    let dimension = collection.config().dimension;
    let mut queries = Vec::new();
    snapshot.each(|id, sequence, vector, _| {
        let place = segments.iter().find_map(|s| Some((s, s.sequences().binary_search(&sequence).ok()?)));
        match normalised(vector, dimension, || format!("record \"{id}\"")) {
            Err(reason) => verified.damage.push(reason.to_string()),
            Ok(direction) => {
                if let Some((segment, point)) = place
                    && !segment.agrees(point, &direction)
                {
                    verified.damage.push(format!("segment {}: record \"{id}\" is another", segment.file()));
                }
                if step.is_some_and(|step| verified.records.is_multiple_of(step)) {
                    queries.push(vector.to_vec());
                }
            }
        }
        verified.records += 1;
        Ok(())
    })?;
    Ok(queries)
}

/// Which share of the nearest neighbours the approximate search finds; one as near as the last counts for it.
fn recall(collection: &Collection, queries: &[Vec<f32>]) -> Result<Option<f64>, SearchError> {
    let (mut wanted, mut found) = (0, 0);
    for vector in queries {
        let ask = |exact| {
            collection.search(&Query { exact, with_payload: false, ..Query::new(vector.clone(), NEIGHBOURS) })
        };
        let (exact, quick) = (ask(true)?, ask(false)?);
        let last = exact.last().map_or(f32::INFINITY, |neighbour| neighbour.score) - SAME;
        wanted += exact.len();
        found += quick.iter().filter(|neighbour| neighbour.score >= last).count().min(exact.len());
    }
    Ok((wanted > 0).then(|| found as f64 / wanted as f64))
}
