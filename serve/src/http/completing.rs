//! Drafts → records: each picture hashed, left out where it is there already, embedded, and made ready to be kept.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use simclr_search::{ContentHash, Duplicate, Pictured, Record, VectorCollection};

use super::bounded::{Bounds, Of};
use super::drafts::{Draft, Drafts, check_claim};
use super::error::ApiError;
use super::models::model_of;
use super::upload;
use crate::app::App;
use crate::embedder::{Input, OnError};

/// What is to be stored, and what is not as it is there already.
pub(super) struct Completed {
    pub(super) records: Vec<Record>,
    pub(super) pictures: Vec<Pictured>,
    pub(super) skipped: Vec<Duplicate>,
}

/// A record on its way: without its vector, if that is of its picture.
struct Half {
    record: Record,
    picture: Option<Fetched>,
    thumbnail: Option<Bytes>,
    embeds: bool,
}

/// A record's picture: how it is to be embedded, where in the request it is, and its bytes, where it has any.
struct Fetched {
    /// Until it is embedded.
    input: Option<Input>,
    place: String,
    bytes: Option<Bytes>,
}

/// Makes records of drafts, in their order; all pictures are embedded together.
pub(super) async fn complete(
    app: &App,
    collection: &Arc<dyn VectorCollection>,
    drafts: Drafts,
) -> Result<Completed, ApiError> {
    let Drafts { drafts, skip_duplicates } = drafts;
    // Before anything is fetched, hashed or decoded for a model that is not there.
    let model = match drafts.iter().any(Draft::embeds) {
        true => Some(model_of(app, &**collection)?),
        false => None,
    };
    let mut halves = hashed(app, fetched(app, drafts).await?).await?;
    let skipped = if skip_duplicates { skip(app, collection, &mut halves).await? } else { Vec::new() };
    let (mut inputs, mut places) = (Vec::new(), Vec::new());
    for picture in halves.iter_mut().filter(|half| half.embeds).filter_map(|half| half.picture.as_mut()) {
        inputs.extend(picture.input.take());
        places.push(picture.place.clone());
    }
    let embed = async {
        let Some(model) = model.filter(|_| !inputs.is_empty()) else { return Ok(Vec::new()) };
        let place = |index: usize| places[index].clone();
        Ok(upload::embed_inputs(app, &model, inputs, place, OnError::Fail).await?.embeddings)
    };
    // Embedding first: where its queue has no place, nothing is decoded.
    let (embeddings, pictures) = tokio::try_join!(biased; embed, kept(app, &**collection, &halves))?;
    let mut embeddings = embeddings.into_iter();
    let record = |Half { record, embeds, .. }: Half| match embeds {
        false => Ok(record),
        true => {
            let embedding = embeddings.next().ok_or_else(|| ApiError::ours("an embedding is missing"))?;
            Ok(Record { vector: embedding.into_vec(), ..record })
        }
    };
    let records = halves.into_iter().map(record).collect::<Result<_, ApiError>>()?;
    Ok(Completed { records, pictures, skipped })
}

/// Drafts with their pictures' bytes, where they have such.
async fn fetched(app: &App, drafts: Vec<Draft>) -> Result<Vec<Half>, ApiError> {
    let uploads: Vec<_> = drafts.iter().filter_map(|draft| draft.upload.clone()).collect();
    let mut found = Vec::new().into_iter();
    if !uploads.is_empty() {
        let (inputs, places) = upload::fetched(app, uploads).await?;
        found = inputs.into_iter().zip(places).collect::<Vec<_>>().into_iter();
    }
    let half = |draft: Draft| {
        let embeds = draft.embeds();
        let picture = draft.upload.and_then(|_| found.next()).map(|(input, place)| {
            let bytes = if let Input::Encoded(bytes) = &input { Some(bytes.clone()) } else { None };
            Fetched { input: Some(input), place, bytes }
        });
        let record = Record::new(draft.id, draft.vector.unwrap_or_default(), draft.payload);
        Half {
            record: Record { content: draft.claimed, ..record },
            picture,
            thumbnail: draft.thumbnail,
            embeds,
        }
    };
    Ok(drafts.into_iter().map(half).collect())
}

/// Gives each record the content of its picture, which must be what its sender says.
async fn hashed(app: &App, mut halves: Vec<Half>) -> Result<Vec<Half>, ApiError> {
    if halves.iter().all(|half| half.picture.is_none()) {
        return Ok(halves);
    }
    let bytes = halves.iter().map(|half| half.picture.as_ref()?.bytes.clone()).collect::<Vec<_>>();
    // Some milliseconds where there are many pictures: not on a thread that serves requests.
    let hash = move |bytes: &Option<Bytes>| Some(ContentHash::of(bytes.as_ref()?));
    let contents = app.aside(move || bytes.iter().map(hash).collect::<Vec<_>>()).await;
    let contents = contents.ok_or_else(|| ApiError::ours("hashing panicked"))?;
    for (index, (half, found)) in halves.iter_mut().zip(contents).enumerate() {
        let Some(picture) = &half.picture else { continue };
        check_claim(half.record.content, found, index)?;
        if !half.embeds {
            // Nobody embeds it and says then why it cannot be.
            let reason = match &picture.input {
                Some(Input::Unfetched(reason)) => Some(ApiError::from(reason)),
                Some(Input::Unreadable(reason)) => Some(ApiError::from(reason)),
                _ => None,
            };
            reason.map_or(Ok(()), |reason| Err(reason.at(picture.place.clone())))?;
        }
        half.record.content = found;
    }
    Ok(halves)
}

/// Takes out records whose content another has, be it stored or earlier in the request.
async fn skip(
    app: &App,
    collection: &Arc<dyn VectorCollection>,
    halves: &mut Vec<Half>,
) -> Result<Vec<Duplicate>, ApiError> {
    // Of two records with one id the last one stays.
    let last: HashMap<String, usize> =
        halves.iter().enumerate().map(|(index, half)| (half.record.id.clone(), index)).collect();
    let mut index = 0..;
    halves.retain(|half| last.get(&half.record.id).copied() == index.next());
    let mut contents: Vec<ContentHash> = halves.iter().filter_map(|half| half.record.content).collect();
    contents.sort_unstable();
    contents.dedup();
    let collection = Arc::clone(collection);
    let known: HashMap<ContentHash, String> =
        app.store(move |_| collection.by_contents(&contents)).await?.into_iter().collect();
    let becomes: HashMap<String, Option<ContentHash>> =
        halves.iter().map(|half| (half.record.id.clone(), half.record.content)).collect();
    let (mut seen, mut skipped) = (HashMap::<ContentHash, String>::new(), Vec::new());
    halves.retain(|Half { record, .. }| {
        let Some(content) = record.content else { return true };
        // Not because of one that this request makes another picture's.
        let stays = |of: &&String| becomes.get(*of).is_none_or(|becomes| *becomes == Some(content));
        match seen.get(&content).filter(stays).or(known.get(&content).filter(stays)) {
            Some(of) => {
                skipped.push(Duplicate { id: record.id.clone(), of: of.clone() });
                false
            }
            None => {
                seen.insert(content, record.id.clone());
                true
            }
        }
    });
    Ok(skipped)
}

/// What the collection keeps of the records' pictures and of the thumbnails that they bring.
async fn kept(
    app: &App,
    collection: &dyn VectorCollection,
    halves: &[Half],
) -> Result<Vec<Pictured>, ApiError> {
    let (keep, died) = (collection.config().keep, |_| ApiError::ours("making a thumbnail panicked"));
    let bytes = |half: &Half| Some((half.record.content?, half.picture.as_ref()?.bytes.clone()?));
    let mut kept =
        app.keeper.pictured(halves.iter().filter_map(bytes).collect(), keep).await.map_err(died)?;
    for picture in halves.iter().filter(|half| !half.embeds).filter_map(|half| half.picture.as_ref()) {
        let decoded = app.keeper.thumbnail(picture.bytes.clone().unwrap_or_default()).await.map_err(died)?;
        decoded.map_err(|reason| ApiError::from(&reason).at(picture.place.clone()))?;
    }
    if !keep.thumbnails {
        return Ok(kept);
    }
    let sent: Vec<_> =
        halves.iter().filter_map(|half| Some((half.record.content?, half.thumbnail.clone()?))).collect();
    Of::Pictures.check(Bounds::from(&app.config.limits), sent.len())?;
    for (content, bytes) in sent {
        // Made again, so that whatever a page shows is a picture, and small.
        let thumbnail = app.keeper.thumbnail(bytes).await.map_err(died)?.ok().flatten();
        if thumbnail.is_none() {
            return Err(ApiError::bad("invalid_thumbnail", "a thumbnail is no picture that can be read"));
        }
        kept.push(Pictured { content, thumbnail, original: None });
    }
    Ok(kept)
}
