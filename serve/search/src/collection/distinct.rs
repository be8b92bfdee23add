//! Searching without duplicates: what the index finds, with what the file says about it.

use super::Collection;
use crate::grouping::{self, Found};
use crate::index::Wanted;
use crate::{Neighbour, Query, SearchError};

impl Collection {
    /// The best of each group of duplicates. What is asked for again, because too many were duplicates, is another moment.
    pub(super) fn distinct(&self, query: &Query, wanted: &Wanted<'_>) -> Result<Vec<Neighbour>, SearchError> {
        let ask = |limit| {
            let wanted = Wanted { limit, ..wanted.clone() };
            self.again(|| {
                let (view, filter, snapshot) = {
                    let state = self.shared.read();
                    let filter = wanted.filter.map(|filter| state.index.compile(filter));
                    (state.index.view(), filter, state.snapshot()?)
                };
                let found = view.nearest(&wanted, filter.as_ref());
                let all = found.len() < limit;
                let read = |(score, id): (f32, &str)| {
                    let record = snapshot.get(id)?.ok_or_else(|| self.missing(id))?;
                    Found::new(score, record, query.with_payload)
                };
                Ok((found.into_iter().map(read).collect::<Result<_, _>>()?, all))
            })
        };
        grouping::distinct(query, self.limits.duplicates_max, ask)
    }
}
