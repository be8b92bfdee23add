//! Some of the files, read at once by several threads: as many as a batch of the encoder needs, within a bound on their bytes.

use std::ops::Range;

use bytes::Bytes;
use rayon::prelude::*;
use simclr_models::PictureError;
use simclr_search::ContentHash;

use super::walk::File;

/// Files of a part: one run of the encoder, or a few.
pub(super) const FILES: usize = 64;
/// Bytes of a part's files, about; one file may be more alone.
const BYTES: u64 = 64 << 20;

/// A file that could be read.
pub(super) struct Read<'a> {
    pub(super) file: &'a File,
    pub(super) bytes: Bytes,
    pub(super) content: ContentHash,
}

/// The places of the next part's files.
pub(super) fn next(files: &[File], from: usize) -> Range<usize> {
    let mut bytes = 0;
    let fits = |file: &&File| {
        bytes += file.bytes;
        bytes <= BYTES
    };
    let count = files[from..].iter().take(FILES).take_while(fits).count();
    from..(from + count.max(1)).min(files.len())
}

/// Reads files in order; why not, of those that cannot be.
pub(super) fn read(files: &[File], bytes_max: usize) -> Vec<Result<Read<'_>, (&File, String)>> {
    files.par_iter().map(|file| one(file, bytes_max).map_err(|reason| (file, reason))).collect()
}

/// Reads a file, unless it is larger than a picture may be.
pub(super) fn one(file: &File, bytes_max: usize) -> Result<Read<'_>, String> {
    let size = usize::try_from(file.bytes).unwrap_or(usize::MAX);
    if size > bytes_max {
        return Err(PictureError::TooManyBytes { bytes: size, limit: bytes_max }.to_string());
    }
    let bytes = std::fs::read(&file.path).map_err(|error| error.to_string())?;
    Ok(Read { file, content: ContentHash::of(&bytes), bytes: bytes.into() })
}
