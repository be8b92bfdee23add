//! The checks that every question and every request passes before anything is looked up.

use crate::record::normalised;
use crate::{Filter, Limits, Query, SearchError};

/// Checks a query and returns its direction.
pub(crate) fn check_query(query: &Query, dimension: usize, limits: &Limits) -> Result<Vec<f32>, SearchError> {
    let Query { limit, offset, min_score, ef, .. } = *query;
    let max = limits.search_limit_max;
    check_limit(limit, max)?;
    match (offset.saturating_add(limit), ef) {
        (found, _) if found > max => return Err(SearchError::BadOffset { found, max }),
        (_, Some(found)) if !(1..=limits.ef_max).contains(&found) => {
            return Err(SearchError::BadEf { found, max: limits.ef_max });
        }
        _ => {}
    }
    if min_score.is_some_and(f32::is_nan) {
        return Err(SearchError::BadMinScore);
    }
    query.filter.as_ref().map_or(Ok(()), Filter::check)?;
    normalised(&query.vector, dimension, || "the query".to_owned())
}

/// Checks how many records are asked for.
pub(crate) fn check_limit(found: usize, max: usize) -> Result<(), SearchError> {
    if (1..=max).contains(&found) { Ok(()) } else { Err(SearchError::BadLimit { found, max }) }
}

/// Checks how many records or ids one request brings.
pub(crate) fn check_request(found: usize, limits: &Limits) -> Result<(), SearchError> {
    let limit = limits.records_per_request_max;
    if found > limit { Err(SearchError::TooManyInOneRequest { found, limit }) } else { Ok(()) }
}
