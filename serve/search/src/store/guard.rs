//! The wall around redb: whatever goes wrong in there comes out as one of our errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::SearchError;

/// Runs `work` on the file of collection `name`, turning its errors and its panics into ours.
pub(super) fn guarded<T>(
    name: &str,
    work: impl FnOnce() -> Result<T, redb::Error>,
) -> Result<T, SearchError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| translated(name, error)),
        Err(panic) => {
            Err(SearchError::Damaged { collection: name.to_owned(), reason: panic_message(&*panic) })
        }
    }
}

/// Tells what is wrong with the file itself from what is wrong with the disk.
fn translated(name: &str, error: redb::Error) -> SearchError {
    use std::io::ErrorKind::{
        FileTooLarge, InvalidData, NotFound, QuotaExceeded, StorageFull, UnexpectedEof,
    };
    let damaged = |reason: String| SearchError::Damaged { collection: name.to_owned(), reason };
    let disk = |reason: String| SearchError::storage(format!("the file of collection \"{name}\""), reason);
    match error {
        redb::Error::Io(e) if matches!(e.kind(), InvalidData | NotFound | UnexpectedEof) => {
            damaged(e.to_string())
        }
        redb::Error::Io(e) if matches!(e.kind(), StorageFull | QuotaExceeded | FileTooLarge) => {
            SearchError::DiskFull { collection: name.to_owned(), reason: e.to_string() }
        }
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => disk(
            "an earlier write failed; make sure that the disk works and has space, then restart".to_owned(),
        ),
        redb::Error::Io(_) | redb::Error::DatabaseAlreadyOpen | redb::Error::LockPoisoned(_) => {
            disk(error.to_string())
        }
        other => damaged(other.to_string()),
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
