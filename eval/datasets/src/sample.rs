//! One labelled picture: where its pixels are and which class it has; the pixels are read when asked for.

use std::path::PathBuf;
use std::sync::Arc;

use simclr_models::{Limits, Picture, PictureError};

use crate::DatasetError;

/// One labelled picture of a split.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Index into the dataset's classes.
    pub label: usize,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Planes { bytes: Arc<[u8]>, start: usize, side: u32, file: Arc<str>, index: usize },
}

impl Sample {
    pub(crate) fn file(path: PathBuf, label: usize) -> Self {
        Self { label, source: Source::File(path) }
    }

    /// A square picture stored as a red, a green and a blue plane at `start` of `bytes`, the `index`-th of `file`.
    pub(crate) fn planes(
        label: usize,
        bytes: Arc<[u8]>,
        start: usize,
        side: u32,
        file: Arc<str>,
        index: usize,
    ) -> Self {
        Self { label, source: Source::Planes { bytes, start, side, file, index } }
    }

    /// Reads and decodes the picture.
    ///
    /// # Errors
    /// When the file cannot be read, is no picture, or is beyond the limits; the message names it.
    pub fn load(&self, limits: &Limits) -> Result<Picture, DatasetError> {
        let picture = |source: PictureError| DatasetError::Picture { name: self.name(), source };
        match &self.source {
            Source::File(path) => {
                let length = std::fs::metadata(path).map_err(DatasetError::io(path))?.len();
                let limit = limits.bytes_max;
                let bytes = usize::try_from(length).unwrap_or(usize::MAX);
                if bytes > limit {
                    return Err(picture(PictureError::TooManyBytes { bytes, limit }));
                }
                let bytes = std::fs::read(path).map_err(DatasetError::io(path))?;
                Picture::decode(&bytes, limits).map_err(picture)
            }
            Source::Planes { bytes, start, side, .. } => {
                Picture::new(*side, *side, interleave(&bytes[*start..], *side)).map_err(picture)
            }
        }
    }

    /// Where the picture is, for messages: its path, or its file and place in it.
    pub fn name(&self) -> String {
        match &self.source {
            Source::File(path) => path.display().to_string(),
            Source::Planes { file, index, .. } => format!("{file}#{index}"),
        }
    }
}

fn interleave(planes: &[u8], side: u32) -> Vec<u8> {
    let area = (side * side) as usize;
    (0..area).flat_map(|i| [planes[i], planes[area + i], planes[2 * area + i]]).collect()
}
