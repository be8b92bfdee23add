//! From the truth and its segments to an index: what a segment holds is not read into memory again.
//!
//! Every record of the truth is looked up in the segments, and its direction compared with theirs; a segment that
//! disagrees belongs to another past of the collection, is reported, and is as if it were not there.

use std::sync::Arc;

use crate::distance::{Coded, Kernel};
use crate::filter::Leaves;
use crate::index::{Index, Row};
use crate::record::normalised;
use crate::segment::{Opened, Segment, SegmentFolder};
use crate::store::Snapshot;
use crate::{Limits, SearchError};

/// A record that no segment holds.
struct Fresh {
    sequence: u64,
    id: String,
    direction: Coded,
    leaves: Leaves,
}

/// Whose each point of each segment is, what nobody holds, and which segments disagree with the truth.
struct Sorted {
    rows: Vec<Vec<Option<Row>>>,
    fresh: Vec<Fresh>,
    wrong: Vec<bool>,
}

/// The index of a collection, and what was wrong with its segments.
pub(crate) fn load(
    name: &str,
    snapshot: &Snapshot,
    dimension: usize,
    folder: &SegmentFolder,
    limits: &Limits,
) -> Result<(Index, Vec<String>), SearchError> {
    let Opened { mut segments, mut damage, outdated } = folder.open(dimension, Kernel::best());
    if outdated > 0 {
        tracing::info!(
            collection = name,
            segments = outdated,
            "segments of an earlier version are made again"
        );
    }
    let (next, mut lost) = (snapshot.next_sequence()?, outdated > 0);
    // Sequences are given again after a crash that lost what was not synced yet: such a segment is of nobody's records.
    for ahead in
        segments.extract_if(.., |segment| segment.sequences().last().is_some_and(|&last| last >= next))
    {
        let segment = ahead.file();
        tracing::warn!(
            collection = name,
            segment,
            "records were lost that had not been synced; their segment goes, too"
        );
        folder.remove(segment);
        lost = true;
    }
    loop {
        let mut index = Index::new(dimension, limits.approximate_from);
        let Sorted { rows, mut fresh, wrong } = sort(name, snapshot, dimension, &segments, &mut index)?;
        if wrong.contains(&true) {
            let judged = std::mem::take(&mut segments).into_iter().zip(wrong);
            for (segment, wrong) in judged {
                if wrong {
                    damage.push(format!("segment {}: it does not agree with the records", segment.file()));
                    folder.remove(segment.file());
                } else {
                    segments.push(segment);
                }
            }
            continue;
        }
        if lost || !damage.is_empty() {
            let files: Vec<String> = segments.iter().map(|segment| segment.file().to_owned()).collect();
            // Told once: too few records may be left for a segment that would be named instead. What cannot be written now is
            // told again at the next opening.
            let _ = folder.publish(&files);
        }
        for (segment, rows) in segments.into_iter().zip(rows) {
            index.add_segment(Arc::new(segment), rows);
        }
        fresh.sort_unstable_by_key(|fresh| fresh.sequence);
        for Fresh { sequence, id, direction, leaves } in fresh {
            index.upsert(&id, sequence, direction.row(), leaves);
        }
        return Ok((index, damage));
    }
}

fn sort(
    name: &str,
    snapshot: &Snapshot,
    dimension: usize,
    segments: &[Segment],
    index: &mut Index,
) -> Result<Sorted, SearchError> {
    let rows = segments.iter().map(|segment| vec![None; segment.sequences().len()]).collect();
    let mut sorted = Sorted { rows, fresh: Vec::new(), wrong: vec![false; segments.len()] };
    snapshot.each(|id, sequence, vector, payload| {
        let direction = normalised(vector, dimension, || format!("record \"{id}\""));
        let damaged =
            |e: SearchError| SearchError::Damaged { collection: name.to_owned(), reason: e.to_string() };
        let (direction, leaves) = (direction.map_err(damaged)?, Leaves::of(&payload));
        let place =
            |(s, segment): (usize, &Segment)| Some((s, segment.sequences().binary_search(&sequence).ok()?));
        match segments.iter().enumerate().find_map(place) {
            Some((s, point)) => {
                sorted.wrong[s] |= !segments[s].agrees(point, &direction);
                sorted.rows[s][point] = Some(Row { id: id.into(), sequence, tags: index.tags(leaves) });
            }
            None => {
                let direction = Coded::new(direction);
                sorted.fresh.push(Fresh { sequence, id: id.to_owned(), direction, leaves });
            }
        }
        Ok(())
    })?;
    Ok(sorted)
}
