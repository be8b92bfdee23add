//! From what was asked to neighbours: a request's pictures are embedded as one batch, its records looked up together, and the
//! store is asked once, for one search as for many. Knows no bodies: [`searches`](super::searches) understood them.

use std::sync::Arc;

use simclr_search::{Filter, Neighbour, Query, VectorCollection};

use super::error::ApiError;
use super::models::model_of;
use super::records::no_such_record;
use super::upload::{self, Upload};
use crate::app::App;
use crate::embedder::OnError;

/// A search, understood.
pub(super) struct Search {
    pub(super) target: Target,
    pub(super) limit: usize,
    pub(super) min_score: Option<f32>,
    pub(super) exact: bool,
    pub(super) offset: usize,
    pub(super) ef: Option<usize>,
    pub(super) filter: Option<Filter>,
    pub(super) with_payload: bool,
    /// Of duplicates only the best.
    pub(super) distinct: bool,
}

/// What to be near to.
pub(super) enum Target {
    Picture(Upload),
    Vector(Vec<f32>),
    /// A record of the collection; it is not its own neighbour.
    Record(String),
}

/// A search whose direction is known.
struct Ready {
    query: Query,
    rest: Rest,
}

/// What of the neighbours found is the answer.
struct Rest {
    /// The record that is not its own neighbour, and how many of the others are left out before the first.
    itself: Option<(String, usize)>,
    limit: usize,
}

/// Says which search of several an error is about.
pub(super) fn place(index: usize) -> String {
    format!("searches[{index}]")
}

/// The neighbours of each search, all or none; of several, an error says which it is about.
pub(super) async fn nearest(
    app: &App,
    collection: &Arc<dyn VectorCollection>,
    mut searches: Vec<Search>,
    several: bool,
) -> Result<Vec<Vec<Neighbour>>, ApiError> {
    let within = |index, error: ApiError| if several { error.within(&place(index)) } else { error };
    embed(app, collection, &mut searches).await?;
    let vectors = directions(app, collection, &mut searches).await?;
    let mut ready = Vec::with_capacity(searches.len());
    for (index, (search, vector)) in searches.into_iter().zip(vectors).enumerate() {
        let vector = vector.ok_or_else(|| within(index, no_such_record().at("id")))?;
        let search = Ready::new(search, vector, app.config.limits.request_records_max);
        collection.check(&search.query).map_err(|error| within(index, error.into()))?;
        ready.push(search);
    }
    let collection = Arc::clone(collection);
    let (queries, rest): (Vec<Query>, Vec<Rest>) =
        ready.into_iter().map(|ready| (ready.query, ready.rest)).unzip();
    let found = app.store(move |_| collection.search_many(&queries)).await?;
    Ok(found.into_iter().zip(rest).map(|(found, rest)| rest.of(found)).collect())
}

/// Embeds all pictures together and leaves their vectors in their place.
async fn embed(
    app: &App,
    collection: &Arc<dyn VectorCollection>,
    searches: &mut [Search],
) -> Result<(), ApiError> {
    let picture = |search: &Search| match &search.target {
        Target::Picture(upload) => Some(upload.clone()),
        _ => None,
    };
    let uploads: Vec<Upload> = searches.iter().filter_map(picture).collect();
    if uploads.is_empty() {
        return Ok(());
    }
    let model = model_of(app, &**collection)?;
    let embedded = upload::embed(app, &model, uploads, OnError::Fail).await?;
    let pictured = searches.iter_mut().filter(|search| matches!(search.target, Target::Picture(_)));
    for (search, embedding) in pictured.zip(embedded.embeddings) {
        search.target = Target::Vector(embedding.into_vec());
    }
    Ok(())
}

/// The vector of each search; none where its record is not there.
async fn directions(
    app: &App,
    collection: &Arc<dyn VectorCollection>,
    searches: &mut [Search],
) -> Result<Vec<Option<Vec<f32>>>, ApiError> {
    let target = |search: &mut Search| match &mut search.target {
        Target::Vector(vector) => Ok(std::mem::take(vector)),
        Target::Record(id) => Err(id.clone()),
        // Nothing is left of these but what could not be embedded, which was refused.
        Target::Picture(_) => Ok(Vec::new()),
    };
    let targets: Vec<Result<Vec<f32>, String>> = searches.iter_mut().map(target).collect();
    if targets.iter().all(Result::is_ok) {
        return Ok(targets.into_iter().map(Result::ok).collect());
    }
    let collection = Arc::clone(collection);
    let look = move |target: Result<Vec<f32>, String>| match target {
        Ok(vector) => Ok(Some(vector)),
        Err(id) => Ok(collection.get(&id)?.map(|record| record.vector)),
    };
    Ok(app.store(move |_| targets.into_iter().map(look).collect()).await?)
}

impl Ready {
    fn new(search: Search, vector: Vec<f32>, most: usize) -> Self {
        let Search { target, limit, min_score, exact, offset, ef, filter, with_payload, distinct } = search;
        let (asked, offset, itself) = match target {
            // One more, as the record itself is among the best; at the largest limit there is no one more to ask for. Those to
            // leave out are counted once it is gone.
            Target::Record(id) => {
                let more = usize::from(limit > 0 && limit < most);
                (limit.saturating_add(more).saturating_add(offset), 0, Some((id, offset)))
            }
            _ => (limit, offset, None),
        };
        let rest = Rest { itself, limit };
        let query =
            Query { vector, limit: asked, offset, exact, min_score, ef, filter, distinct, with_payload };
        Self { query, rest }
    }
}

impl Rest {
    fn of(self, mut found: Vec<Neighbour>) -> Vec<Neighbour> {
        let (id, later) = self.itself.unwrap_or_default();
        found.retain(|neighbour| neighbour.id != id && !neighbour.duplicates.contains(&id));
        found.into_iter().skip(later).take(self.limit).collect()
    }
}
