//! Parquet: columns `id` (text), `vector` (a list of numbers), `payload` (JSON as text) and `content_sha256` (text or null),
//! and where pictures are kept `thumbnail` and `original` (bytes or null); written with one row group a part.
//!
//! Read from whoever wrote it: numbers of 4 or 8 bytes, columns that may be null but are not, only the first two needed. The
//! space is in the file's own metadata.

mod read;
mod write;

pub(super) use self::read::Reader;
pub(super) use self::write::Writer;

/// The columns of pictures.
const THUMBNAIL: &str = "thumbnail";
const ORIGINAL: &str = "original";
/// The metadata that says how long the vectors are, for a file without any.
const DIMENSION: &str = "simclr.dimension";
/// The metadata that says how the numbers were stored; without it, in 32 bits.
const DTYPE: &str = "simclr.dtype";
const F16: &str = "f16";
/// The metadata that says which space the vectors lie in.
const SPACE_KEY: &str = "simclr.space_key";
