//! How much more the disk takes: asked before a write is begun, because redb reads no more once a write has failed.
//!
//! Changes go in, a refusal comes out. Where the system does not tell, there is room, and a write may fail half way: nothing
//! of it is acknowledged, and the file is opened again.

use std::path::Path;

use super::{Change, Store};
use crate::SearchError;

/// Bytes of pages that a change of one record may write anew.
const PAGES_BYTES: u64 = 16 << 10;

impl Store {
    /// Refuses a write that might find no room: pages of the tree are written anew, records twice.
    pub(crate) fn check_room(&self, changes: &[Change]) -> Result<(), SearchError> {
        let bytes = |change: &Change| match change {
            Change::Upsert(records) => {
                records.iter().map(|r| PAGES_BYTES + 4 * r.encoded.bytes() as u64).sum()
            }
            Change::Delete(ids) => PAGES_BYTES * ids.len() as u64,
        };
        let wanted = self.reserve_bytes + changes.iter().map(bytes).sum::<u64>();
        let free = free_bytes(&self.path);
        if free >= wanted {
            return Ok(());
        }
        let reason = format!("{} MB are free and {} MB wanted", free / 1_000_000, wanted / 1_000_000);
        Err(SearchError::DiskFull { collection: self.name.clone(), reason })
    }
}

/// Bytes that files on this path's disk, and this file itself, may still grow by.
#[cfg(unix)]
fn free_bytes(path: &Path) -> u64 {
    use std::os::unix::ffi::OsStrExt;
    let Ok(name) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return u64::MAX };
    let mut disk = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `name` ends with a zero byte and lives until the call is over; `disk` has room for what is written there.
    if unsafe { libc::statvfs(name.as_ptr(), disk.as_mut_ptr()) } != 0 {
        return u64::MAX;
    }
    // SAFETY: the call succeeded, so it has filled everything in.
    let disk = unsafe { disk.assume_init() };
    disk.f_bavail.saturating_mul(disk.f_frsize).min(file_limit(path))
}

/// What this process's own limit on a file's size leaves; a file of redb may double when it grows.
#[cfg(unix)]
fn file_limit(path: &Path) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` has room for what is written there.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } == 0;
    if !told || limit.rlim_cur == libc::RLIM_INFINITY {
        return u64::MAX;
    }
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    limit.rlim_cur.saturating_sub(length.saturating_mul(2))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> u64 {
    u64::MAX
}
