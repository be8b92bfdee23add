//! Is everything still what it was? Every byte of a collection is read again, and a sample's neighbours are counted.
//!
//! In goes an open collection, out come words about what is damaged; nothing is changed. The checksums of the records'
//! file are compared when it is opened, those of the segments also here. Writers go on meanwhile.

use std::sync::Arc;

use crate::index::Wanted;
use crate::pictures::PictureFolder;
use crate::record::normalised;
use crate::segment::Segment;
use crate::shared::Shared;
use crate::store::Snapshot;
use crate::{Collection, SearchError};

/// Neighbours compared for each record of the sample.
const NEIGHBOURS: usize = 10;
/// Records whose neighbours are looked for under one lock: writers wait no longer than for these.
const AT_ONCE: usize = 16;
/// Scores of two ways to add up the same products differ by less.
const SAME: f32 = 1e-5;

/// What a check of a whole collection found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// Records read and decoded.
    pub records: usize,
    /// Segments in use, all of whose bytes were compared with their checksums.
    pub segments: usize,
    /// Files of pictures that are kept, all of whose bytes were compared with their checksums.
    pub pictures: usize,
    /// Records whose neighbours were looked for both ways.
    pub sampled: usize,
    /// Share of their ten nearest neighbours, by exact search, that the approximate search found; `None` without a sample.
    pub recall: Option<f64>,
    /// What is wrong, or was when the collection was opened; empty when all is well.
    pub damage: Vec<String>,
}

/// Which share of the nearest neighbours, by exact search, the approximate search finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recall {
    /// Records whose neighbours were looked for both ways.
    pub sampled: usize,
    /// The share, at ten neighbours.
    pub recall: f64,
}

/// Checks one collection.
pub(crate) fn run(
    collection: &Collection,
    shared: &Shared,
    pictures: &PictureFolder,
    sample: usize,
) -> Result<Verified, SearchError> {
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
    if let Err(error) = read(collection, &snapshot, &segments, &mut verified) {
        verified.damage.push(error.to_string());
    }
    match pictures.verify() {
        Ok((files, damage)) => {
            verified.pictures = files;
            verified.damage.extend(damage);
        }
        Err(error) => verified.damage.push(format!("the pictures: {error}")),
    }
    if verified.damage.is_empty() && verified.records != known {
        let records = verified.records;
        verified.damage.push(format!("{records} records are in the file and {known} are searched"));
    }
    if let Some(Recall { sampled, recall }) = recall(shared, sample) {
        (verified.sampled, verified.recall) = (sampled, Some(recall));
    }
    Ok(verified)
}

/// Reads every record and compares it with its segment.
fn read(
    collection: &Collection,
    snapshot: &Snapshot,
    segments: &[Arc<Segment>],
    verified: &mut Verified,
) -> Result<(), SearchError> {
    let dimension = collection.config().dimension;
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
            }
        }
        verified.records += 1;
        Ok(())
    })
}

/// Looks for the neighbours of a sample both ways. A record is no neighbour of its own, as both ways find it without fail;
/// one as near as the last that is wanted counts for it.
pub(crate) fn recall(shared: &Shared, sample: usize) -> Option<Recall> {
    let sample = shared.read().index.sample(sample);
    let (mut wanted, mut found) = (0, 0);
    for part in sample.chunks(AT_ONCE) {
        let view = shared.read().index.view();
        let both = [true, false].map(|exact| {
            let queries: Vec<_> = part.iter().map(|(_, direction)| asked(direction, exact)).collect();
            let filters: Vec<_> = queries.iter().map(|_| None).collect();
            view.nearest_many(&queries, &filters)
        });
        for (((id, _), exact), quick) in part.iter().zip(&both[0]).zip(&both[1]) {
            let (exact, quick) = (others(exact, id), others(quick, id));
            let last = exact.last().map_or(f32::INFINITY, |score| score - SAME);
            wanted += exact.len();
            found += quick.iter().filter(|score| **score >= last).count().min(exact.len());
        }
    }
    (wanted > 0).then(|| Recall { sampled: sample.len(), recall: found as f64 / wanted as f64 })
}

fn asked(direction: &[f32], exact: bool) -> Wanted<'static> {
    let limit = NEIGHBOURS + 1;
    Wanted { direction: direction.to_vec(), limit, min_score: None, exact, ef: None, filter: None }
}

/// The best scores of others than the record itself.
fn others(found: &[(f32, &str)], id: &str) -> Vec<f32> {
    found.iter().filter(|(_, other)| *other != id).map(|(score, _)| *score).take(NEIGHBOURS).collect()
}
