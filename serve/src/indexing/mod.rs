//! A folder of pictures → records of a collection: found, compared with what is stored, embedded by the server's own functions, stored.
//!
//! In the order of their paths, a part at a time, each durable when it is stored: one that was stopped, however, goes on where it
//! was. What is there with the same content is left alone. Knows no HTTP and prints nothing.

mod decide;
mod known;
mod part;
mod run;
mod walk;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use simclr_search::{CollectionConfig, SearchError};

use self::known::Known;
use self::run::Run;
use crate::app::StartError;
use crate::config::{Config, Limits};
use crate::keeping::Keeper;
use crate::metrics::Metrics;
use crate::models::{ModelError, Models};
use crate::stores::{self, Choice};

/// What is to be indexed, and how.
#[derive(Debug)]
pub struct Indexing<'a> {
    /// The folder of pictures.
    pub folder: &'a Path,
    /// The collection, which is made if it is not there.
    pub collection: &'a str,
    /// How the collection is made, if it is not there.
    pub choice: Choice,
    /// Stores files of equal bytes under each of their paths.
    pub keep_duplicates: bool,
    /// Deletes what an index stored and whose file is gone.
    pub prune: bool,
    /// Share of the pictures that may be unreadable.
    pub broken_max: f64,
    /// Set where it is to end after what it has in hand.
    pub stop: &'a AtomicBool,
}

/// What happens while a folder is indexed.
#[derive(Debug)]
pub enum Told<'a> {
    /// So many pictures were found.
    Found(usize),
    /// So many of them are done.
    Done(usize),
    /// One cannot be read, and why.
    Broken(&'a str, &'a str),
}

/// What an index did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Indexed {
    /// Pictures found.
    pub found: usize,
    /// Stored that were not there.
    pub inserted: usize,
    /// Stored in place of another content.
    pub replaced: usize,
    /// There already with the same content.
    pub unchanged: usize,
    /// Left out, each with the id of the record that has the same bytes.
    pub duplicates: Vec<(String, String)>,
    /// Left out, each with what is wrong with it.
    pub broken: Vec<(String, String)>,
    /// Records deleted whose files are gone.
    pub pruned: usize,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

/// Why a folder was not indexed to its end; what was stored stays.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Name a folder that can be read.
    #[error("{folder}: {reason}")]
    Folder {
        /// The folder given.
        folder: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Name another folder, or bring back the disk it is on.
    #[error("{0}: there is no picture in it or below (jpg, jpeg, png, webp, gif, bmp)")]
    Empty(PathBuf),
    /// Repair or remove the pictures named, or raise the share.
    #[error(
        "{count} of {of} pictures cannot be read, more than the share {most} that --broken-max allows; repair or remove them, or \
         raise it{named}"
    )]
    Broken {
        /// How many so far.
        count: usize,
        /// Of how many.
        of: usize,
        /// The share allowed.
        most: f64,
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

/// Indexes a folder by the model and into the store that a configuration names.
///
/// # Errors
/// When there is no picture, too many are broken, or model, store or disk refuse; what was stored until then stays.
pub fn index(
    config: &Config,
    indexing: &Indexing<'_>,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<Indexed, IndexError> {
    let folder = |reason| IndexError::Folder { folder: indexing.folder.to_owned(), reason };
    let id_bytes_max = simclr_search::Limits::default().id_bytes_max;
    let found = walk::pictures(indexing.folder, id_bytes_max).map_err(folder)?;
    if found.files.is_empty() {
        return Err(IndexError::Empty(indexing.folder.to_owned()));
    }
    // Of a server's limits this one is about requests; here no more than so many are ever under way.
    let limits = Limits { queue_pictures_max: run::AHEAD * part::FILES, ..config.limits };
    let config = &Config { limits, ..config.clone() };
    let store = stores::open(config)?;
    let models = Models::open(config, &Arc::new(Metrics::new()))?;
    let served = models.default_one().ok_or(ModelError::Unknown)?;
    let (dimension, space_key) = (served.embedding_len(), served.space_key().to_owned());
    let made_for = CollectionConfig::new(dimension, space_key);
    let collection = indexing.choice.open(&*store, indexing.collection, made_for)?;
    let known = Known::read(&*collection, config.limits.request_records_max)?;
    let runtime = tokio::runtime::Runtime::new().map_err(IndexError::Threads)?;
    let keeper = Keeper::new(models.decoding(), &config.limits);
    let mut run = Run::new(indexing, config, &found, (served, collection, keeper), known, &runtime);
    let done = run.all(told);
    models.join();
    done.map(|()| run.outcome)
}

impl Indexed {
    /// Files with the bytes of a broken one are broken too, not its duplicates.
    fn settle(&mut self) {
        let reasons: HashMap<String, String> = self.broken.iter().cloned().collect();
        for (id, same_as) in std::mem::take(&mut self.duplicates) {
            match reasons.get(&same_as) {
                Some(reason) => self.broken.push((id, reason.clone())),
                None => self.duplicates.push((id, same_as)),
            }
        }
        self.broken.sort_unstable();
    }
}
