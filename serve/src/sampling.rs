//! Records of a collection at even distances, so that a large one is known by as many as there is room for. Knows neither
//! what they are wanted for nor who keeps them.

use simclr_search::{Record, SearchError, VectorCollection};

/// Hands over at most `most` records, read page by page; how many there are comes back.
pub(crate) fn evenly(
    collection: &dyn VectorCollection,
    most: usize,
    page: usize,
    mut take: impl FnMut(Record),
) -> Result<usize, SearchError> {
    let (count, most) = (collection.count()?, most.max(1));
    let step = count.div_ceil(most).max(1);
    let (mut seen, mut taken, mut after) = (0_usize, 0, None::<String>);
    loop {
        let records = collection.page(after.as_deref(), page)?;
        let last = records.len() < page;
        after = records.last().map(|record| record.id.clone());
        for record in records {
            // A collection that grows meanwhile must not outgrow the room for it.
            if seen.is_multiple_of(step) && taken < most {
                take(record);
                taken += 1;
            }
            seen += 1;
        }
        if last || taken == most {
            return Ok(count);
        }
    }
}
