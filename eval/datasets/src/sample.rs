//! One labelled picture: where its pixels are and what it shows; the pixels are read when asked for.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use simclr_models::{Limits, Picture, PictureError};

use crate::{DatasetError, Label};

/// One labelled picture of a split.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it shows.
    pub label: Label,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// A picture file below the dataset's root.
    File { root: Arc<Path>, path: PathBuf, stamp: Arc<OnceLock<u64>> },
    /// The `index`-th square picture of a file of raw planes.
    Planes { file: Arc<PlaneFile>, start: u64, index: usize },
}

/// A file that holds square pictures as a red, a green and a blue plane of bytes.
#[derive(Debug)]
pub(crate) struct PlaneFile {
    path: PathBuf,
    file: File,
    side: u32,
    /// Whether planes go down columns instead of along rows.
    by_column: bool,
    stamp: u64,
}

/// Bytes at either end of a file of planes, and of a file of one picture, that its stamp is made of.
const STAMPED_OF_PLANES: u64 = 1 << 20;
const STAMPED_OF_PICTURE: u64 = 1 << 12;

impl PlaneFile {
    pub(crate) fn open(path: &Path, side: u32, by_column: bool) -> Result<Arc<Self>, DatasetError> {
        let file = File::open(path).map_err(DatasetError::io(path))?;
        let stamp = stamp(&file, STAMPED_OF_PLANES).map_err(DatasetError::io(path))?;
        Ok(Arc::new(Self { path: path.to_path_buf(), file, side, by_column, stamp }))
    }

    fn read(&self, start: u64) -> std::io::Result<Vec<u8>> {
        let mut planes = vec![0; 3 * (self.side * self.side) as usize];
        self.file.read_exact_at(&mut planes, start)?;
        Ok(interleave(&planes, self.side as usize, self.by_column))
    }
}

impl Sample {
    /// The picture file `path` below `root`.
    pub(crate) fn file(root: &Arc<Path>, path: impl Into<PathBuf>, label: Label) -> Self {
        let (root, path) = (Arc::clone(root), path.into());
        Self { label, source: Source::File { root, path, stamp: Arc::default() } }
    }

    /// The `index`-th picture of `file`, whose planes begin at byte `start`.
    pub(crate) fn planes(file: &Arc<PlaneFile>, start: u64, index: usize, label: Label) -> Self {
        Self { label, source: Source::Planes { file: Arc::clone(file), start, index } }
    }

    /// Whether its file is here.
    pub(crate) fn exists(&self) -> bool {
        match &self.source {
            Source::File { root, path, .. } => root.join(path).is_file(),
            Source::Planes { .. } => true,
        }
    }

    /// Reads and decodes the picture.
    ///
    /// # Errors
    /// When the file cannot be read, is no picture, or is beyond the limits; the message names it.
    pub fn load(&self, limits: &Limits) -> Result<Picture, DatasetError> {
        let picture = |source: PictureError| DatasetError::Picture { name: self.place(), source };
        match &self.source {
            Source::File { root, path, .. } => {
                let path = root.join(path);
                let length = std::fs::metadata(&path).map_err(DatasetError::io(&path))?.len();
                let limit = limits.bytes_max;
                let bytes = usize::try_from(length).unwrap_or(usize::MAX);
                if bytes > limit {
                    return Err(picture(PictureError::TooManyBytes { bytes, limit }));
                }
                let bytes = std::fs::read(&path).map_err(DatasetError::io(&path))?;
                Picture::decode(&bytes, limits).map_err(picture)
            }
            Source::Planes { file, start, .. } => {
                let pixels = file.read(*start).map_err(DatasetError::io(&file.path))?;
                Picture::new(file.side, file.side, pixels).map_err(picture)
            }
        }
    }

    /// What the picture is called on every machine: its path below the dataset's root with `/` between folders, or
    /// `file#index` without the file's ending, so that CIFAR's two layouts agree.
    pub fn name(&self) -> String {
        match &self.source {
            Source::File { path, .. } => {
                let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
                parts.join("/")
            }
            Source::Planes { file, index, .. } => {
                let name = file.path.file_stem().unwrap_or_default().to_string_lossy();
                format!("{name}#{index}")
            }
        }
    }

    /// What tells the picture from another of the same name, alike on every machine: a hash of its file's length and both
    /// ends, read once; 0 where there is no file.
    pub fn stamp(&self) -> u64 {
        match &self.source {
            Source::File { root, path, stamp: known } => *known.get_or_init(|| {
                File::open(root.join(path)).and_then(|file| stamp(&file, STAMPED_OF_PICTURE)).unwrap_or(0)
            }),
            Source::Planes { file, .. } => file.stamp,
        }
    }

    /// Where the picture is on this machine, for messages: its path, or its file's path and place in it.
    pub fn place(&self) -> String {
        match &self.source {
            Source::File { root, path, .. } => root.join(path).display().to_string(),
            Source::Planes { file, index, .. } => format!("{}#{index}", file.path.display()),
        }
    }
}

fn stamp(file: &File, stamped: u64) -> std::io::Result<u64> {
    let length = file.metadata()?.len();
    let mut hash = Sha256::new();
    hash.update(length.to_le_bytes());
    for start in [0, length.saturating_sub(stamped)] {
        let mut end = vec![0; usize::try_from(length.min(stamped)).unwrap_or(0)];
        file.read_exact_at(&mut end, start)?;
        hash.update(&end);
    }
    Ok(hash.finalize().iter().take(8).fold(0, |stamp, &byte| stamp << 8 | u64::from(byte)))
}

/// Planes to pixels: `side`² reds, greens and blues to `side`² triples, row by row.
fn interleave(planes: &[u8], side: usize, by_column: bool) -> Vec<u8> {
    let area = side * side;
    let place = |i: usize| if by_column { (i % side) * side + i / side } else { i };
    (0..area)
        .flat_map(|i| {
            let i = place(i);
            [planes[i], planes[area + i], planes[2 * area + i]]
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_planes_is_told_from_another_of_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("planes.bin");
        let stamp = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let file = PlaneFile::open(&path, 2, false).unwrap();
            Sample::planes(&file, 0, 0, Label::Class(0)).stamp()
        };
        let bytes = [7u8; 24];
        assert_eq!(stamp(&bytes), stamp(&bytes));
        assert_ne!(stamp(&bytes), stamp(&[8; 24]));
        assert_ne!(stamp(&bytes), stamp(&bytes[..12]));
        assert_ne!(stamp(&[]), stamp(&[0]));
    }
}
