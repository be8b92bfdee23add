//! Parquet: columns `id` (text), `vector` (a list of numbers), `payload` (JSON as text) and `content_sha256` (text or null),
//! written with one row group a part.
//!
//! Read from whoever wrote it: numbers of 4 or 8 bytes, columns that may be null but are not, the last two or none. The space
//! is in the file's own metadata.

mod read;
mod write;

pub(super) use self::read::Reader;
pub(super) use self::write::Writer;

/// The metadata that says how long the vectors are, for a file without any.
const DIMENSION: &str = "simclr.dimension";
/// The metadata that says how the numbers were stored; without it, in 32 bits.
const DTYPE: &str = "simclr.dtype";
const F16: &str = "f16";
/// The metadata that says which space the vectors lie in.
const SPACE_KEY: &str = "simclr.space_key";
