//! A folder of `vectors.npy` (one row a record), `records.jsonl` (its id, payload and content hash, a line each, in the same order) and
//! `collection.json` (dimension and space). The last may be missing where somebody else made the folder. Pictures that are
//! kept lie in `thumbnails` and `originals`, each in a file that is called as its content hash.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{File, create_dir};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Lines, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use simclr_models::npy::header;
use simclr_search::{CollectionConfig, ContentHash, Dtype, Keep, Record};

use super::pictured::Entry;
use super::{ExchangeError, Sink, Source, npy};

const VECTORS: &str = "vectors.npy";
const RECORDS: &str = "records.jsonl";
const COLLECTION: &str = "collection.json";
const THUMBNAILS: &str = "thumbnails";
const ORIGINALS: &str = "originals";

/// A record without its vector.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    #[serde(default)]
    payload: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_sha256: Option<ContentHash>,
}

/// Writes a folder.
pub(super) struct Writer {
    folder: PathBuf,
    dimension: usize,
    rows: usize,
    vectors: BufWriter<File>,
    records: BufWriter<File>,
}

impl Writer {
    pub(super) fn create(folder: &Path, config: &CollectionConfig) -> Result<Self, ExchangeError> {
        let failed = |e: std::io::Error| ExchangeError::file(folder, e);
        if folder.is_dir() {
            clear(folder)?;
        }
        create_dir(folder).map_err(failed)?;
        let json = serde_json::to_vec_pretty(config).map_err(|e| ExchangeError::file(folder, e))?;
        std::fs::write(folder.join(COLLECTION), json).map_err(failed)?;
        for (kept, name) in [(config.keep.thumbnails, THUMBNAILS), (config.keep.originals, ORIGINALS)] {
            if kept {
                create_dir(folder.join(name)).map_err(failed)?;
            }
        }
        let mut vectors = BufWriter::new(File::create(folder.join(VECTORS)).map_err(failed)?);
        // As long as the one that says how many there are.
        vectors.write_all(&header(0, config.dimension)).map_err(failed)?;
        let records = BufWriter::new(File::create(folder.join(RECORDS)).map_err(failed)?);
        Ok(Self { folder: folder.to_owned(), dimension: config.dimension, rows: 0, vectors, records })
    }
}

/// Takes away what an export that was interrupted has left; a folder that holds anything else is somebody's own.
fn clear(folder: &Path) -> Result<(), ExchangeError> {
    let failed = |e: std::io::Error| ExchangeError::file(folder, e);
    let files = [VECTORS, RECORDS, COLLECTION].map(|name| folder.join(name));
    let own = [VECTORS, RECORDS, COLLECTION, THUMBNAILS, ORIGINALS];
    let (mut names, mut other) =
        (files.to_vec(), other_than(folder, |name| own.contains(&name)).map_err(failed)?);
    let pictures = [THUMBNAILS, ORIGINALS].map(|name| folder.join(name));
    for folder in pictures.iter().filter(|folder| folder.is_dir()) {
        let is_content = |name: &str| name.parse::<ContentHash>().is_ok();
        other = other.or(other_than(folder, is_content).map_err(failed)?);
        // An export begins with what it is of; without that, any store may name its files so.
        other = other.or((!files[2].is_file()).then(|| folder.as_os_str().to_owned()));
        names.extend(std::fs::read_dir(folder).map_err(failed)?.filter_map(|entry| Some(entry.ok()?.path())));
    }
    if let Some(other) = other {
        let other = other.display();
        let reason = format!("{other} in it is not an export's; take the folder away or name another place");
        return Err(ExchangeError::file(folder, reason));
    }
    // What has such a name and is no file stays, and so do the folders above it.
    names.iter().filter(|path| path.exists()).try_for_each(std::fs::remove_file).map_err(failed)?;
    pictures.iter().filter(|path| path.exists()).try_for_each(std::fs::remove_dir).map_err(failed)?;
    std::fs::remove_dir(folder).map_err(failed)
}

/// A name in a folder that is none of its own.
fn other_than(folder: &Path, is_own: impl Fn(&str) -> bool) -> std::io::Result<Option<OsString>> {
    let names = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name()));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    Ok(names.into_iter().find(|name| !name.to_str().is_some_and(&is_own)))
}

impl Sink for Writer {
    fn write(&mut self, entries: Vec<Entry>) -> Result<(), ExchangeError> {
        let failed = |e: std::io::Error| ExchangeError::file(&self.folder, e);
        for entry in &entries {
            let Record { id, vector, payload, content } = &entry.record;
            vector.iter().try_for_each(|x| self.vectors.write_all(&x.to_le_bytes())).map_err(failed)?;
            let line = Line { id: id.clone(), payload: payload.clone(), content_sha256: *content };
            serde_json::to_writer(&mut self.records, &line).map_err(|e| failed(e.into()))?;
            self.records.write_all(b"\n").map_err(failed)?;
            for (kind, bytes) in [(THUMBNAILS, entry.thumbnail()), (ORIGINALS, entry.original())] {
                if let (Some(content), Some(bytes)) = (content, bytes) {
                    write_synced(&self.folder.join(kind).join(content.to_string()), bytes).map_err(failed)?;
                }
            }
        }
        self.rows += entries.len();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExchangeError> {
        let failed = |e: std::io::Error| ExchangeError::file(&self.folder, e);
        self.vectors.rewind().map_err(failed)?;
        self.vectors.write_all(&header(self.rows, self.dimension)).map_err(failed)?;
        for file in [&mut self.vectors, &mut self.records] {
            file.flush().and_then(|()| file.get_ref().sync_all()).map_err(failed)?;
        }
        Ok(())
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads a folder.
pub(super) struct Reader {
    folder: PathBuf,
    keep: Keep,
    /// Contents whose pictures were read.
    brought: HashSet<ContentHash>,
    vectors: BufReader<File>,
    vectors_path: PathBuf,
    records: Lines<BufReader<File>>,
    records_path: PathBuf,
    about: Option<CollectionConfig>,
    dimension: usize,
    rows: usize,
    read: usize,
}

impl Reader {
    pub(super) fn open(folder: &Path) -> Result<Self, ExchangeError> {
        let [vectors_path, records_path, about] =
            [VECTORS, RECORDS, COLLECTION].map(|name| folder.join(name));
        let open =
            |path: &Path| File::open(path).map_err(|e| ExchangeError::file(path, e)).map(BufReader::new);
        let mut vectors = open(&vectors_path)?;
        let (rows, dimension) =
            npy::read_header(&mut vectors).map_err(|reason| ExchangeError::file(&vectors_path, reason))?;
        let records = open(&records_path)?.lines();
        let about = match about.exists() {
            true => Some(serde_json::from_reader(open(&about)?).map_err(|e| ExchangeError::file(&about, e))?),
            false => None,
        };
        let there = |name| folder.join(name).is_dir();
        let keep = Keep { thumbnails: there(THUMBNAILS), originals: there(ORIGINALS) };
        let (folder, brought) = (folder.to_owned(), HashSet::new());
        Ok(Self {
            folder,
            keep,
            brought,
            vectors,
            vectors_path,
            records,
            records_path,
            about,
            dimension,
            rows,
            read: 0,
        })
    }

    fn entry(&mut self) -> Result<Entry, ExchangeError> {
        self.read += 1;
        let wrong = |path: &Path, reason: String| ExchangeError::file(path, reason);
        let line = self.records.next().transpose().map_err(|e| wrong(&self.records_path, e.to_string()))?;
        let line = line.ok_or_else(|| {
            wrong(&self.records_path, format!("it has {} lines for {} vectors", self.read - 1, self.rows))
        })?;
        let Line { id, payload, content_sha256: content } = serde_json::from_str(&line)
            .map_err(|e| wrong(&self.records_path, format!("line {}: {e}", self.read)))?;
        let mut bytes = vec![0; 4 * self.dimension];
        self.vectors.read_exact(&mut bytes).map_err(|e| {
            wrong(&self.vectors_path, format!("row {} of {} is not there whole: {e}", self.read, self.rows))
        })?;
        let vector = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        // Like those that wrote them: with the first record that has them.
        let content_of = content.filter(|&content| self.brought.insert(content));
        let [thumbnail, original] = [THUMBNAILS, ORIGINALS].map(|kind| self.picture(kind, content_of));
        let record = Record { id, vector, payload, content };
        Entry::new(record, thumbnail?, original?)
            .map_err(|reason| wrong(&self.records_path, format!("line {}: {reason}", self.read)))
    }

    fn picture(&self, kind: &str, content: Option<ContentHash>) -> Result<Option<Vec<u8>>, ExchangeError> {
        let Some(content) = content else { return Ok(None) };
        let path = self.folder.join(kind).join(content.to_string());
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ExchangeError::file(&path, error)),
        }
    }
}

impl Source for Reader {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn space_key(&self) -> Option<&str> {
        Some(&self.about.as_ref()?.space_key)
    }

    fn dtype(&self) -> Dtype {
        self.about.as_ref().map_or(Dtype::F32, |about| about.dtype)
    }

    fn keep(&self) -> Keep {
        self.keep
    }

    fn read(&mut self, count: usize) -> Result<Vec<Entry>, ExchangeError> {
        let count = count.min(self.rows - self.read);
        let entries = (0..count).map(|_| self.entry()).collect::<Result<Vec<_>, _>>()?;
        if count == 0 && self.records.next().is_some() {
            let reason = format!("it has more lines than the {} vectors beside it", self.rows);
            return Err(ExchangeError::file(&self.records_path, reason));
        }
        Ok(entries)
    }
}
