//! Drafts → records: each picture hashed, left out where it is there already, embedded, and made ready to be kept.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use simclr_models::Limits;
use simclr_search::{ContentHash, Duplicate, Pictured, Record, VectorCollection};

use super::drafts::{Draft, Drafts, check_claim};
use super::error::ApiError;
use super::models::model_of;
use super::upload::{self, Upload};
use crate::app::App;
use crate::embedder::{Input, OnError};
use crate::keeping;

/// What is to be stored, and what is not as it is there already.
pub(super) struct Completed {
    pub(super) records: Vec<Record>,
    pub(super) pictures: Vec<Pictured>,
    pub(super) skipped: Vec<Duplicate>,
}

/// A request's pictures: how each is to be embedded, where in the request it is, and what it is kept by.
struct Pictures {
    inputs: Vec<Input>,
    places: Vec<String>,
    /// Nothing of one that has no bytes, which embedding it says.
    kept: Vec<Option<Pictured>>,
}

/// Makes records of drafts, in their order; all pictures are embedded together.
pub(super) async fn complete(
    app: &App,
    collection: &Arc<dyn VectorCollection>,
    drafts: Drafts,
) -> Result<Completed, ApiError> {
    let Drafts { drafts, skip_duplicates } = drafts;
    let uploads: Vec<Upload> = drafts
        .iter()
        .filter_map(|draft| match draft {
            Draft::Pictured { upload, .. } => Some(upload.clone()),
            Draft::Complete { .. } => None,
        })
        .collect();
    let Pictures { inputs, places, kept } = if uploads.is_empty() {
        Pictures { inputs: vec![], places: vec![], kept: vec![] }
    } else {
        read(app, &**collection, uploads).await?
    };
    let contents = contents(&drafts, &kept)?;
    let known = if skip_duplicates { known(app, collection, &contents).await? } else { HashMap::new() };
    let mut sorted = Sorted::default();
    let mut pictures = inputs.into_iter().zip(places).zip(kept);
    for (draft, content) in drafts.into_iter().zip(contents) {
        let picture = if let Draft::Pictured { .. } = draft { pictures.next() } else { None };
        sorted.take(draft, content, picture, skip_duplicates, &known);
    }
    sorted.embed(app, &**collection).await
}

/// Each draft's content, where it is known; what a sender says that it is must be so.
fn contents(drafts: &[Draft], kept: &[Option<Pictured>]) -> Result<Vec<Option<ContentHash>>, ApiError> {
    let mut kept = kept.iter();
    let content = |(index, draft): (usize, &Draft)| match draft {
        Draft::Complete { record, .. } => Ok(record.content),
        Draft::Pictured { claimed, .. } => {
            let found = kept.next().and_then(|kept| Some(kept.as_ref()?.content));
            check_claim(*claimed, found, index)?;
            Ok(found)
        }
    };
    drafts.iter().enumerate().map(content).collect()
}

/// Reads pictures, hashes them, and makes of them what the collection keeps.
async fn read(
    app: &App,
    collection: &dyn VectorCollection,
    uploads: Vec<Upload>,
) -> Result<Pictures, ApiError> {
    let (inputs, places) = upload::fetched(app, uploads).await?;
    let bytes_of = |input: &Input| if let Input::Encoded(bytes) = input { Some(bytes.clone()) } else { None };
    let encoded: Vec<Bytes> = inputs.iter().filter_map(bytes_of).collect();
    let limits = picture_limits(app);
    let keep = collection.config().keep;
    // Some milliseconds where there are many pictures: not on a thread that serves requests.
    let pictured = app.aside(move || keeping::pictured(&encoded, keep, &limits)).await;
    let mut pictured = pictured.ok_or_else(|| ApiError::ours("making thumbnails panicked"))?.into_iter();
    let kept = inputs.iter().map(|input| bytes_of(input).and_then(|_| pictured.next())).collect();
    Ok(Pictures { inputs, places, kept })
}

/// Thumbnails that were sent, made into ours: whatever a page shows is a picture.
async fn small(app: &App, thumbnails: Vec<(ContentHash, Bytes)>) -> Result<Vec<Pictured>, ApiError> {
    if thumbnails.is_empty() {
        return Ok(Vec::new());
    }
    let limits = picture_limits(app);
    let made = app.aside(move || {
        let small = |(content, bytes): &(ContentHash, Bytes)| Pictured {
            content: *content,
            thumbnail: keeping::thumbnail(bytes, &limits),
            original: None,
        };
        thumbnails.iter().map(small).collect::<Vec<_>>()
    });
    let made = made.await.ok_or_else(|| ApiError::ours("making thumbnails panicked"))?;
    if made.iter().any(|pictured| pictured.thumbnail.is_none()) {
        return Err(ApiError::bad("invalid_thumbnail", "a thumbnail is no picture that can be read"));
    }
    Ok(made)
}

fn picture_limits(app: &App) -> Limits {
    let limits = &app.config.limits;
    Limits { bytes_max: limits.picture_bytes_max, pixels_max: limits.picture_pixels_max }
}

/// The records that have one of these contents already.
async fn known(
    app: &App,
    collection: &Arc<dyn VectorCollection>,
    contents: &[Option<ContentHash>],
) -> Result<HashMap<ContentHash, String>, ApiError> {
    let (collection, contents) = (Arc::clone(collection), contents.to_vec());
    let look = move |_: &dyn simclr_search::VectorStore| {
        let found =
            contents.into_iter().flatten().map(|content| Ok((content, collection.by_content(content)?)));
        found.collect::<Result<Vec<_>, _>>()
    };
    let found = app.store(look).await?;
    Ok(found.into_iter().filter_map(|(content, id)| Some((content, id?))).collect())
}

/// Drafts on their way: what is left out, and what is to be embedded.
#[derive(Default)]
struct Sorted {
    /// Records in order; those of pictures are still without their vectors.
    records: Vec<(Record, bool)>,
    inputs: Vec<Input>,
    places: Vec<String>,
    pictures: Vec<Pictured>,
    /// What records of vectors bring to be shown.
    thumbnails: Vec<(ContentHash, Bytes)>,
    skipped: Vec<Duplicate>,
    seen: HashMap<ContentHash, String>,
}

impl Sorted {
    fn take(
        &mut self,
        draft: Draft,
        content: Option<ContentHash>,
        picture: Option<((Input, String), Option<Pictured>)>,
        skip: bool,
        known: &HashMap<ContentHash, String>,
    ) {
        let (record, thumbnail, waits) = match draft {
            Draft::Complete { record, thumbnail } => (record, thumbnail, false),
            Draft::Pictured { id, payload, .. } => {
                (Record { content, ..Record::new(id, vec![], payload) }, None, true)
            }
        };
        let same =
            content.filter(|_| skip).and_then(|content| self.seen.get(&content).or(known.get(&content)));
        if let Some(of) = same {
            self.skipped.push(Duplicate { id: record.id, of: of.clone() });
            return;
        }
        if let Some(content) = content {
            self.seen.insert(content, record.id.clone());
        }
        self.thumbnails.extend(content.zip(thumbnail));
        if let Some(((input, place), kept)) = picture {
            self.inputs.push(input);
            self.places.push(place);
            self.pictures.extend(kept);
        }
        self.records.push((record, waits));
    }

    async fn embed(self, app: &App, collection: &dyn VectorCollection) -> Result<Completed, ApiError> {
        let Self { records, inputs, places, mut pictures, thumbnails, skipped, .. } = self;
        pictures.extend(small(app, thumbnails).await?);
        let mut embeddings = Vec::new().into_iter();
        if !inputs.is_empty() {
            let model = model_of(app, collection)?;
            let embedded =
                upload::embed_inputs(app, &model, inputs, |index| places[index].clone(), OnError::Fail)
                    .await?;
            embeddings = embedded.embeddings.into_iter();
        }
        let complete = |(record, waits): (Record, bool)| {
            if !waits {
                return Ok(record);
            }
            let embedding = embeddings.next().ok_or_else(|| ApiError::ours("an embedding is missing"))?;
            Ok(Record { vector: embedding.into_vec(), ..record })
        };
        let records = records.into_iter().map(complete).collect::<Result<_, ApiError>>()?;
        Ok(Completed { records, pictures, skipped })
    }
}
