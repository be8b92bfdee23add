//! Records of a collection, all of them or at even distances, so that a large one is known by as many as there is room for.
//! Knows neither what they are wanted for nor who keeps them.

use simclr_search::{Record, SearchError, VectorCollection};

/// Hands over record after record, read page by page, until there is none or `take` says that it has enough.
pub(crate) fn each(
    collection: &dyn VectorCollection,
    page: usize,
    mut take: impl FnMut(Record) -> bool,
) -> Result<(), SearchError> {
    let mut after = None::<String>;
    loop {
        let records = collection.page(after.as_deref(), page)?;
        let last = records.len() < page;
        after = records.last().map(|record| record.id.clone());
        let wants_more = records.into_iter().all(&mut take);
        if last || !wants_more {
            return Ok(());
        }
    }
}

/// Hands over at most `most` records at even distances; how many there are comes back.
pub(crate) fn evenly(
    collection: &dyn VectorCollection,
    most: usize,
    page: usize,
    mut take: impl FnMut(Record),
) -> Result<usize, SearchError> {
    let (count, most) = (collection.count()?, most.max(1));
    let step = count.div_ceil(most).max(1);
    let (mut seen, mut taken) = (0_usize, 0);
    each(collection, page, |record| {
        // A collection that grows meanwhile must not outgrow the room for it.
        if seen.is_multiple_of(step) {
            take(record);
            taken += 1;
        }
        seen += 1;
        taken < most
    })?;
    Ok(count)
}
