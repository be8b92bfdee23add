//! A collection by one encoder → the same records by another, from the pictures that the collection keeps.
//!
//! The new one is made beside the old, a part at a time, each durable when it is stored: one that was stopped goes on where it
//! was. Only when it is whole does it take the old one's place. Knows no HTTP and prints nothing.

mod run;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use simclr_search::{CollectionConfig, Collections, SearchError};
use tokio::runtime::Runtime;

use self::run::Run;

use crate::app::StartError;
use crate::config::{Config, Limits};
use crate::indexing::Told;
use crate::keeping::Keeper;
use crate::metrics::Metrics;
use crate::models::{ModelError, Models};
use crate::stores::{collections_folder, search_limits};

/// Bytes of a collection's name, at most.
const NAME_BYTES_MAX: usize = 64;
/// What the new collection's name ends with while it is made,
const MEANWHILE: &str = ".reembedding";
/// and once it is whole, until it takes the old one's place.
const WHOLE: &str = ".reembedded";

/// What is to be embedded again, and how.
#[derive(Debug)]
pub struct Reembedding<'a> {
    /// The collection, which keeps originals.
    pub collection: &'a str,
    /// What the new one is to be called; nothing where it is to take the old one's place.
    pub to: Option<&'a str>,
    /// Leaves out records that cannot be embedded again.
    pub leave_out: bool,
    /// Set where it is to end after what it has in hand.
    pub stop: &'a AtomicBool,
}

/// What came of it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reembedded {
    /// Records of the old collection.
    pub records: usize,
    /// Embedded now.
    pub embedded: usize,
    /// There already from a run before.
    pub unchanged: usize,
    /// Left out, each with why.
    pub left_out: Vec<(String, String)>,
    /// Whether it was stopped before the end; then the old collection is where it was.
    pub stopped: bool,
}

/// Why a collection was not embedded again; the old one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReembedError {
    /// Index the folder again, into another collection.
    #[error(
        "collection \"{0}\" keeps no originals to embed again; index its folder into a new collection (`simclr-serve index`), \
         with --originals for the next time"
    )]
    NoOriginals(String),
    /// Name a collection that is not there.
    #[error(
        "collection \"{to}\" has records that \"{from}\" has not or has otherwise, such as \"{id}\"; name one that is not there yet"
    )]
    NotOurs {
        /// The collection to make.
        to: String,
        /// The one to make it of.
        from: String,
        /// One of them.
        id: String,
    },
    /// Name another encoder, or another collection to make.
    #[error("collection \"{0}\" is by this very encoder already; name another --model")]
    SameSpace(String),
    /// Allow that they are left out, or store them again with their pictures first.
    #[error(
        "{} records cannot be embedded again; allow that they are left out (--leave-out), or store them again with their pictures:\
         {named}",
        .count
    )]
    LeftOut {
        /// How many.
        count: usize,
        /// The first few, one a line.
        named: String,
    },
    /// See the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// See the store.
    #[error(transparent)]
    Open(#[from] StartError),
    /// See the store.
    #[error(transparent)]
    Store(#[from] SearchError),
    /// The encoder failed, or a thread of it died.
    #[error("embedding: {0}")]
    Embedding(String),
    /// The system gave no threads.
    #[error("starting the threads: {0}")]
    Threads(std::io::Error),
}

/// Embeds a collection's records again by the model that a configuration names, in its data folder.
///
/// # Errors
/// When the collection keeps no originals, records cannot be embedded again, or model, store or disk refuse.
pub fn reembed(
    config: &Config,
    asked: &Reembedding<'_>,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<Reembedded, ReembedError> {
    let folder = collections_folder(&config.data_dir);
    let open = Collections::open(&folder, search_limits(config));
    let collections = open.map_err(|reason| StartError::Collections { folder, reason })?;
    let meanwhile = named(asked.collection, MEANWHILE);
    let whole = named(asked.collection, WHOLE);
    if let Some(new) = collections.get(&whole).ok().filter(|_| asked.to.is_none()) {
        let records = new.count();
        drop(new);
        if matches!(collections.get(asked.collection), Err(SearchError::CollectionNotFound { .. })) {
            // The last run ended between taking the old one away and putting the new one in its place.
            collections.replace(asked.collection, &whole)?;
            return Ok(Reembedded { records, unchanged: records, ..Reembedded::default() });
        }
        // It ended before that; what it has made is looked through once more.
        collections.replace(&meanwhile, &whole)?;
    }
    let old = collections.get(asked.collection)?;
    if !old.config().keep.originals {
        return Err(ReembedError::NoOriginals(asked.collection.to_owned()));
    }
    let limits = Limits { queue_pictures_max: run::PART, ..config.limits };
    let config = &Config { limits, ..config.clone() };
    let models = Models::open(config, &Arc::new(Metrics::new()))?;
    let served = models.default_one().ok_or(ModelError::Unknown)?;
    if served.space_key() == old.config().space_key {
        return Err(ReembedError::SameSpace(asked.collection.to_owned()));
    }
    let name = asked.to.unwrap_or(&meanwhile);
    let mut made_for = CollectionConfig::new(served.embedding_len(), served.space_key());
    (made_for.dtype, made_for.keep) = (old.config().dtype, old.config().keep);
    if asked.to.is_none() && collections.get(name).is_ok_and(|left| *left.config() != made_for) {
        // What a run with another encoder left is of no use to this one.
        collections.delete(name)?;
    }
    let new = collections.create(name, made_for)?;
    let runtime = Runtime::new().map_err(ReembedError::Threads)?;
    let keeper = Keeper::new(models.decoding(), &config.limits);
    let page = run::PART.min(config.limits.request_records_max);
    let mut run = Run { old: &old, new: &new, served, runtime, keeper, page, done: Reembedded::default() };
    let ended = run.all(asked, told);
    models.join();
    let done = run.done;
    ended?;
    drop((old, new));
    if asked.to.is_none() && !done.stopped {
        collections.replace(&whole, &meanwhile)?;
        collections.replace(asked.collection, &whole)?;
    }
    Ok(done)
}

/// The new collection's name until it has the old one's; a long name makes room for its end.
fn named(collection: &str, end: &str) -> String {
    let kept = collection.len().min(NAME_BYTES_MAX - end.len());
    format!("{}{end}", collection.get(..kept).unwrap_or_default())
}
