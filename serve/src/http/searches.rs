//! The body of a search, or of several at once: however it was sent, out come [`Search`]es that are understood and not yet asked.

use axum::extract::Request;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use simclr_search::Filter;
use utoipa::{IntoParams, ToSchema};

use super::bounded::{self, Counted, Of};
use super::drafts::check_finite;
use super::error::ApiError;
use super::queries::{Search, Target, place};
use super::source::Source;
use super::upload::{self, Content, Upload};
use crate::app::App;

/// Neighbours in an answer that does not ask for a number of them.
const NEIGHBOURS: usize = 10;

/// `?limit=…&filter={…}`, for a body that is a picture, and for what a JSON body leaves out.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchOptions {
    /// Neighbours in the answer
    limit: Option<usize>,
    /// None below this cosine
    min_score: Option<f32>,
    /// Compare with every record
    exact: Option<bool>,
    /// How many of the best to leave out before the first
    offset: Option<usize>,
    /// How many nodes a walk of the graph keeps: more find more, and take longer
    ef: Option<usize>,
    /// Only records whose payload fulfils this, as JSON
    filter: Option<String>,
    /// With payloads; true where it is left out
    with_payload: Option<bool>,
    /// Of records with the same picture or the same direction only the best, with the ids of the others
    group_duplicates: Option<bool>,
}

/// One search: one of `image`, `vector` and `id`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchBody {
    image: Option<Source>,
    vector: Option<Vec<f32>>,
    id: Option<String>,
    limit: Option<usize>,
    min_score: Option<f32>,
    exact: Option<bool>,
    /// How many of the best to leave out before the first
    offset: Option<usize>,
    /// How many nodes a walk of the graph keeps: more find more, and take longer
    ef: Option<usize>,
    /// Only records whose payload fulfils this
    #[schema(value_type = Option<Object>)]
    filter: Option<Filter>,
    /// With payloads; true where it is left out
    with_payload: Option<bool>,
    /// Of records with the same picture or the same direction only the best, with the ids of the others
    group_duplicates: Option<bool>,
}

impl Counted for SearchBody {
    const OF: Of = Of::Searches;
}

/// Several searches, answered all or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchesBody {
    #[serde(deserialize_with = "bounded::list")]
    searches: Vec<SearchBody>,
}

/// A JSON body, told apart by whether it has `searches`, so that an error can say where in it is what.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum SearchRequest {
    One(Box<SearchBody>),
    Several(SearchesBody),
}

/// A request's searches, and whether they came as a list.
pub(super) async fn read(
    app: &App,
    mut options: SearchOptions,
    request: Request,
) -> Result<(Vec<Search>, bool), ApiError> {
    let json = match upload::read(app, request).await? {
        Content::Pictures(uploads, fields) => {
            let mut options: SearchOptions = fields.read()?;
            let filter = options.take_filter()?;
            return Ok((vec![options.search(target_of_pictures(uploads)?, filter)], false));
        }
        Content::Json(bytes) => bytes,
    };
    let filter = options.take_filter()?;
    match request_of(app, json).await? {
        SearchRequest::One(body) => Ok((vec![options.understood(*body, filter, None)?], false)),
        SearchRequest::Several(body) => {
            let searches = options.all_understood(body, filter)?;
            check_counts(app, &searches)?;
            Ok((searches, true))
        }
    }
}

impl SearchOptions {
    fn take_filter(&mut self) -> Result<Option<Filter>, ApiError> {
        self.filter.take().map(|text| filter_of(&text)).transpose()
    }

    fn search(&self, target: Target, filter: Option<Filter>) -> Search {
        Search {
            target,
            limit: self.limit.unwrap_or(NEIGHBOURS),
            min_score: self.min_score,
            exact: self.exact.unwrap_or(false),
            offset: self.offset.unwrap_or(0),
            ef: self.ef,
            filter,
            with_payload: self.with_payload.unwrap_or(true),
            distinct: self.group_duplicates.unwrap_or(false),
        }
    }

    /// The search of a body; what it leaves out is as the query says. `index` is its place among several.
    fn understood(
        &self,
        body: SearchBody,
        filter: Option<Filter>,
        index: Option<usize>,
    ) -> Result<Search, ApiError> {
        let options = Self {
            limit: body.limit.or(self.limit),
            min_score: body.min_score.or(self.min_score),
            exact: body.exact.or(self.exact),
            offset: body.offset.or(self.offset),
            ef: body.ef.or(self.ef),
            filter: None,
            with_payload: body.with_payload.or(self.with_payload),
            group_duplicates: body.group_duplicates.or(self.group_duplicates),
        };
        let mut target = target_of_json(body.image, body.vector, body.id)?;
        if let (Target::Picture(upload), Some(index)) = (&mut target, index) {
            upload.place = format!("{}.{}", place(index), upload.place);
        }
        Ok(options.search(target, body.filter.or(filter)))
    }

    fn all_understood(&self, body: SearchesBody, filter: Option<Filter>) -> Result<Vec<Search>, ApiError> {
        let one = |(index, body)| {
            let search = self.understood(body, filter.clone(), Some(index));
            search.map_err(|error| error.within(&place(index)))
        };
        body.searches.into_iter().enumerate().map(one).collect()
    }
}

/// Reads a body as the one or the other, so that an error names what is wrong in it.
async fn request_of(app: &App, bytes: Bytes) -> Result<SearchRequest, ApiError> {
    #[derive(Deserialize)]
    struct Kind {
        searches: Option<IgnoredAny>,
    }
    match serde_json::from_slice(&bytes) {
        Ok(Kind { searches: Some(_) }) => Ok(SearchRequest::Several(upload::json(app, bytes).await?)),
        _ => Ok(SearchRequest::One(upload::json(app, bytes).await?)),
    }
}

fn filter_of(text: &str) -> Result<Filter, ApiError> {
    serde_json::from_str(text).map_err(|error| {
        ApiError::bad("invalid_filter", format!("this filter is refused: {error}")).at("filter")
    })
}

/// Refuses no search, and those that together ask for more than an answer is to hold.
fn check_counts(app: &App, searches: &[Search]) -> Result<(), ApiError> {
    let limit = app.config.limits.request_records_max;
    let (most, neighbours) = (NEIGHBOURS.saturating_mul(limit), searches.iter().map(|search| search.limit));
    let found = neighbours.fold(0, usize::saturating_add);
    let refused = match searches.len() {
        0 => ApiError::bad("no_search", "`searches` is an empty list"),
        _ if found > most => {
            let message =
                format!("the searches ask for {found} neighbours together; at most {most} are allowed");
            ApiError::too_large("too_many_neighbours", message)
        }
        _ => return Ok(()),
    };
    Err(refused.at("searches"))
}

fn target_of_pictures(mut uploads: Vec<Upload>) -> Result<Target, ApiError> {
    match (uploads.pop(), uploads.is_empty()) {
        (Some(upload), true) => Ok(Target::Picture(upload)),
        _ => Err(ApiError::bad("one_picture", "a search by pictures that are not in JSON takes exactly one")),
    }
}

fn target_of_json(
    image: Option<Source>,
    vector: Option<Vec<f32>>,
    id: Option<String>,
) -> Result<Target, ApiError> {
    match (image, vector, id) {
        (Some(image), None, None) => Ok(Target::Picture(upload::upload_of(image, "image".to_owned()))),
        (None, Some(vector), None) => {
            check_finite(&vector, || "vector".to_owned())?;
            Ok(Target::Vector(vector))
        }
        (None, None, Some(id)) => Ok(Target::Record(id)),
        _ => {
            let message =
                "search by exactly one of `image`, a picture, `vector`, its numbers, or `id`, a record's";
            Err(ApiError::bad("invalid_query", message))
        }
    }
}
