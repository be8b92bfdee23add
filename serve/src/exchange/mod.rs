//! A collection written to files that other programs read, and read from theirs: NumPy and JSON lines, or Parquet.
//!
//! Any store's records go out and come in, in parts that fit in memory. What ends with `.parquet` is Parquet; anything
//! else is a folder of `vectors.npy`, `records.jsonl` and `collection.json`. Pictures that a collection keeps go with their
//! records. Knows no encoder and no HTTP.

mod folder;
mod npy;
mod parquet;
mod pictured;

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};

use simclr_search::{CollectionConfig, Dtype, Keep, Pictured, SearchError, VectorCollection, VectorStore};

use self::pictured::{Entry, Pictures, read_part};
use crate::stores::Choice;

/// Bytes of vectors in memory at a time.
const PART_BYTES: usize = 32 << 20;

/// Why a collection was not exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Correct the file, or what it was made by.
    #[error("{path}: {reason}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Export elsewhere: nothing is written over.
    #[error("{0} is there already; name another place or take it away first")]
    Exists(PathBuf),
    /// See the store.
    #[error(transparent)]
    Store(#[from] SearchError),
}

impl ExchangeError {
    pub(crate) fn file(path: &Path, reason: impl Display) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// What records are written to.
trait Sink {
    fn write(&mut self, entries: Vec<Entry>) -> Result<(), ExchangeError>;

    /// Writes what is still missing; only then is the file whole.
    fn finish(self: Box<Self>) -> Result<(), ExchangeError>;
}

/// What records are read from.
trait Source {
    /// Numbers in each vector.
    fn dimension(&self) -> usize;

    /// Which space the vectors lie in, where the file says so.
    fn space_key(&self) -> Option<&str>;

    /// How the numbers were stored where they come from.
    fn dtype(&self) -> Dtype;

    /// Which pictures are there.
    fn keep(&self) -> Keep;

    /// The next records, at most `count`; none at the end.
    fn read(&mut self, count: usize) -> Result<Vec<Entry>, ExchangeError>;
}

/// What came of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Records whose id was new.
    pub inserted: usize,
    /// Records that took the place of one with the same id.
    pub replaced: usize,
    /// Thumbnails and originals that came along and are not kept by the collection.
    pub pictures_left_out: usize,
}

/// Writes every record of a collection, in the order of their ids, and says how many there were.
///
/// `told` hears how many are written so far. The file appears under its name once it is whole.
///
/// # Errors
/// When something of that name is there, when the disk refuses, or the store does.
pub fn export(
    collection: &dyn VectorCollection,
    to: &Path,
    mut told: impl FnMut(usize),
) -> Result<usize, ExchangeError> {
    if to.exists() {
        return Err(ExchangeError::Exists(to.to_owned()));
    }
    let mut name = to.file_name().ok_or_else(|| ExchangeError::file(to, "name a file or folder"))?.to_owned();
    name.push(".partial");
    let partial = to.with_file_name(name);
    let config = collection.config();
    let mut sink: Box<dyn Sink> = if is_parquet(to) {
        Box::new(parquet::Writer::create(&partial, config)?)
    } else {
        Box::new(folder::Writer::create(&partial, config)?)
    };
    let (mut written, mut after, mut pictures) = (0, None::<String>, Pictures::new(collection));
    loop {
        let records = collection.page(after.as_deref(), part(config.dimension))?;
        let Some(last) = records.last() else { break };
        after = Some(last.id.clone());
        written += records.len();
        pictures.of(records, |entries| sink.write(entries))?;
        told(written);
    }
    sink.finish()?;
    std::fs::rename(&partial, to).map_err(|e| ExchangeError::file(to, e))?;
    Ok(written)
}

/// Writes every record of one moment as Parquet, and gives back what it was written to.
pub(crate) fn write_parquet<W: Write + Send>(
    collection: &dyn VectorCollection,
    out: W,
) -> Result<W, ExchangeError> {
    let config = collection.config();
    let mut writer = parquet::Writer::over(Path::new(collection.name()), out, config)?;
    let (mut written, mut pictures) = (Ok(()), Pictures::new(collection));
    collection.each_of_moment(part(config.dimension), &mut |records| {
        written = pictures.of(records, |entries| writer.write_entries(entries));
        written.is_ok()
    })?;
    written.and_then(|()| writer.into_inner())
}

/// Stores every record of a file in a collection, which is made if it is not there.
///
/// The space is the file's own, or else `space_key`, or else that of a collection of somebody's own vectors. Each part
/// is durable when `told` hears how many records are stored so far; importing again replaces them by the same.
///
/// # Errors
/// When the file cannot be read or does not fit the collection, or the store refuses.
pub fn import(
    store: &dyn VectorStore,
    name: &str,
    from: &Path,
    space_key: Option<&str>,
    mut told: impl FnMut(usize),
) -> Result<Imported, ExchangeError> {
    let mut source: Box<dyn Source> = if is_parquet(from) {
        Box::new(parquet::Reader::open(from)?)
    } else {
        Box::new(folder::Reader::open(from)?)
    };
    let space_key = match (source.space_key(), space_key) {
        (Some(own), Some(given)) if own != given => {
            let reason = format!("its vectors are of space \"{own}\", not \"{given}\"");
            return Err(ExchangeError::file(from, reason));
        }
        (own, given) => own.or(given).unwrap_or_default().to_owned(),
    };
    let config = CollectionConfig::new(source.dimension(), space_key);
    let count = part(config.dimension);
    let as_it_was = |dtype, keep| {
        let mut config = config.clone();
        (config.dtype, config.keep) = (dtype, keep);
        Choice::default().open(store, name, config)
    };
    let collection = match as_it_was(source.dtype(), source.keep()) {
        // A store that knows no 16 bits and no pictures keeps the same numbers in 32.
        Err(SearchError::BadConfig { .. }) => as_it_was(Dtype::F32, Keep::default())?,
        made => made?,
    };
    let (kept, mut all) = (collection.config().keep, Imported::default());
    loop {
        let (entries, left_out) = read_part(&mut *source, count, kept)?;
        if entries.is_empty() {
            return Ok(all);
        }
        all.pictures_left_out += left_out;
        let (records, pictures): (Vec<_>, Vec<_>) =
            entries.into_iter().map(|Entry { record, pictured }| (record, pictured)).unzip();
        let pictures: Vec<Pictured> = pictures.into_iter().flatten().collect();
        let upserted = collection.upsert_pictured(records, &pictures)?;
        all.inserted += upserted.inserted;
        all.replaced += upserted.replaced;
        told(all.inserted + all.replaced);
    }
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// Records read or written at a time; not more than a store takes in one request.
fn part(dimension: usize) -> usize {
    (PART_BYTES / (4 * dimension.max(1))).clamp(1, simclr_search::Limits::default().records_per_request_max)
}
