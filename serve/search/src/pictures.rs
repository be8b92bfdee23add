//! Pictures kept beside a collection's records: a file each, named by what the picture's bytes hash to.
//!
//! Contents and bytes in, bytes out; records of one content share its files. A file is durable and whole once it has its name.
//! It knows no records: whoever does says which contents still have one.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::folder::sync_folder;
use crate::{ContentHash, Keep};

/// Bytes of the checksum at the end of a thumbnail's file.
const CHECKSUM_BYTES: usize = 4;
/// What a file half written ends with.
const PARTIAL: &str = "partial";

/// Which picture of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureKind {
    /// A small one to show.
    Thumbnail,
    /// The bytes that the record's content hash is of.
    Original,
}

/// What a collection may keep of a picture, where it keeps such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictured {
    /// What the picture's bytes hash to.
    pub content: ContentHash,
    /// A small one, encoded.
    pub thumbnail: Option<Vec<u8>>,
    /// The bytes themselves.
    pub original: Option<Vec<u8>>,
}

/// Where one collection's pictures lie.
#[derive(Debug)]
pub(crate) struct PictureFolder {
    path: PathBuf,
    keep: Keep,
    /// Contents whose records are being stored, by how many writers: their files stay whatever is deleted meanwhile.
    pinned: Mutex<HashMap<ContentHash, usize>>,
    partial: AtomicU64,
}

impl PictureFolder {
    /// Names the folder; nothing is made before there is something to put there.
    pub(crate) fn new(path: PathBuf, keep: Keep) -> Self {
        Self { path, keep, pinned: Mutex::default(), partial: AtomicU64::new(0) }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of what would be written of these.
    pub(crate) fn bytes_of(&self, pictures: &[Pictured]) -> u64 {
        pictures.iter().flat_map(|pictured| self.kept(pictured)).map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Writes what is to be kept of these, durably, and pins it until `release`.
    pub(crate) fn keep(&self, pictures: &[Pictured]) -> io::Result<()> {
        for Pictured { content, .. } in pictures {
            *self.pinned().entry(*content).or_default() += 1;
        }
        let mut changed = BTreeSet::new();
        for pictured in pictures {
            for (kind, bytes) in self.kept(pictured) {
                self.write(&pictured.content, kind, bytes, &mut changed)?;
            }
        }
        changed.iter().try_for_each(|folder| sync_folder(folder))
    }

    /// Unpins what `keep` pinned, and removes what has no record after all.
    pub(crate) fn release(&self, pictures: &[Pictured], may_go: impl Fn(ContentHash) -> bool) {
        for Pictured { content, .. } in pictures {
            let mut pinned = self.pinned();
            match pinned.get_mut(content) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(pinned.remove(content)),
            }
        }
        let contents: Vec<ContentHash> = pictures.iter().map(|pictured| pictured.content).collect();
        self.forget(&contents, may_go);
    }

    /// Removes the files of contents that may go because they have no record any more.
    pub(crate) fn forget(&self, contents: &[ContentHash], may_go: impl Fn(ContentHash) -> bool) {
        if self.keep == Keep::default() {
            return;
        }
        for &content in contents {
            // Held for as long as it is looked at, so that nobody begins to store the same picture meanwhile.
            let pinned = self.pinned();
            if !pinned.contains_key(&content) && may_go(content) {
                for kind in [PictureKind::Thumbnail, PictureKind::Original] {
                    // What is not removed now is at the next opening.
                    let _ = fs::remove_file(self.file(&content, kind));
                }
            }
        }
    }

    /// A picture's bytes; nothing where none is kept.
    ///
    /// # Errors
    /// When the disk refuses, and when the bytes are not those that were written.
    pub(crate) fn read(&self, content: &ContentHash, kind: PictureKind) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.file(content, kind)) {
            Ok(bytes) => checked(content, kind, bytes).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes what a crash left: files half written, and those of contents without a record.
    pub(crate) fn sweep(&self, has_record: impl Fn(ContentHash) -> bool) -> io::Result<()> {
        self.each(|path, known| match known {
            Some((content, _)) if has_record(content) => Ok(()),
            _ => fs::remove_file(path),
        })
    }

    /// Compares every file with its checksum; how many there are, and what is wrong.
    pub(crate) fn verify(&self) -> io::Result<(usize, Vec<String>)> {
        let (mut files, mut damage) = (0, Vec::new());
        self.each(|path, known| {
            let Some((content, kind)) = known else { return Ok(()) };
            files += 1;
            if let Err(error) = fs::read(path).and_then(|bytes| checked(&content, kind, bytes))
                && error.kind() != ErrorKind::NotFound
            {
                damage.push(format!("picture {}: {error}", path.display()));
            }
            Ok(())
        })?;
        Ok((files, damage))
    }

    fn kept<'a>(&self, pictured: &'a Pictured) -> impl Iterator<Item = (PictureKind, &'a [u8])> + use<'a> {
        let thumbnail = pictured.thumbnail.as_deref().filter(|_| self.keep.thumbnails);
        let original = pictured.original.as_deref().filter(|_| self.keep.originals);
        let of = |kind| move |bytes| (kind, bytes);
        thumbnail.map(of(PictureKind::Thumbnail)).into_iter().chain(original.map(of(PictureKind::Original)))
    }

    /// Writes a file under another name, and gives it its own once it is on disk; notes which folders are to be synced.
    fn write(
        &self,
        content: &ContentHash,
        kind: PictureKind,
        bytes: &[u8],
        changed: &mut BTreeSet<PathBuf>,
    ) -> io::Result<()> {
        let path = self.file(content, kind);
        let folder = path.parent().unwrap_or(&self.path).to_owned();
        // Whoever made or wrote what is there may not have synced it yet.
        changed.extend(
            [self.path.parent(), Some(&self.path), Some(&folder)].into_iter().flatten().map(Path::to_owned),
        );
        // One that was damaged is written anew, and so is a thumbnail that is another.
        if matches!(self.read(content, kind), Ok(Some(there)) if there == bytes) {
            return Ok(());
        }
        for folder in [&self.path, &folder] {
            match fs::create_dir(folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        let number = self.partial.fetch_add(1, Ordering::Relaxed);
        let partial = folder.join(format!("{number}.{PARTIAL}"));
        let written = write_synced(&partial, kind, bytes).and_then(|()| fs::rename(&partial, &path));
        if written.is_err() {
            // What is not removed now is at the next opening.
            let _ = fs::remove_file(&partial);
        }
        written
    }

    /// Visits every file, with the picture that its name says it is.
    fn each(
        &self,
        mut visit: impl FnMut(&Path, Option<(ContentHash, PictureKind)>) -> io::Result<()>,
    ) -> io::Result<()> {
        let folders = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            folders => folders?,
        };
        for folder in folders {
            let folder = folder?.path();
            // Nothing of ours lies beside the folders.
            if !folder.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder)? {
                let path = file?.path();
                let known = path.file_name().and_then(|name| named(name.to_str()?));
                visit(&path, known)?;
            }
        }
        Ok(())
    }

    fn file(&self, content: &ContentHash, kind: PictureKind) -> PathBuf {
        let digits = content.to_string();
        self.path.join(&digits[..2]).join(format!("{digits}.{}", kind.word()))
    }

    fn pinned(&self) -> MutexGuard<'_, HashMap<ContentHash, usize>> {
        self.pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PictureKind {
    fn word(self) -> &'static str {
        match self {
            Self::Thumbnail => "thumbnail",
            Self::Original => "original",
        }
    }
}

fn write_synced(path: &Path, kind: PictureKind, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    if kind == PictureKind::Thumbnail {
        file.write_all(&crc32fast::hash(bytes).to_le_bytes())?;
    }
    file.sync_all()
}

fn named(name: &str) -> Option<(ContentHash, PictureKind)> {
    let (digits, word) = name.split_once('.')?;
    let kinds = [PictureKind::Thumbnail, PictureKind::Original];
    Some((digits.parse().ok()?, kinds.into_iter().find(|kind| kind.word() == word)?))
}

/// A file's bytes without their checksum, if that is right.
fn checked(content: &ContentHash, kind: PictureKind, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let sound = match kind {
        PictureKind::Original => ContentHash::of(&bytes) == *content,
        PictureKind::Thumbnail => bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .is_some_and(|(picture, checksum)| crc32fast::hash(picture) == u32::from_le_bytes(*checksum)),
    };
    if !sound {
        return Err(io::Error::new(ErrorKind::InvalidData, "its bytes are not those that were written"));
    }
    if kind == PictureKind::Thumbnail {
        bytes.truncate(bytes.len() - CHECKSUM_BYTES);
    }
    Ok(bytes)
}
