//! How much more the disk takes: asked before a write is begun, because redb reads no more once a write has failed.
//!
//! Changes go in, a refusal comes out. Where the system does not tell, there is room, and a write may fail half way: nothing
//! of it is acknowledged, and the file is opened again.

use std::path::Path;

use super::{Change, Store};
use crate::SearchError;

/// Bytes of pages that a change of one record may write anew in each table it is in.
const PAGES_BYTES: u64 = 16 << 10;

impl Store {
    /// Refuses each upsert of a group that might find no room: pages of the tree are written anew, records twice.
    ///
    /// Deletes are never refused: they are how room is made, mostly in pages the file has already.
    pub(crate) fn room(&self, changes: &[Change]) -> Vec<Result<(), SearchError>> {
        let bytes = |change: &Change| match change {
            Change::Upsert(records) => {
                records.iter().map(|r| r.encoded.tables() * PAGES_BYTES + 4 * r.encoded.bytes() as u64).sum()
            }
            Change::Delete(_) => 0,
        };
        let wanted: Vec<u64> = changes.iter().map(bytes).collect();
        let free = free_bytes(&self.path);
        let refused = |wanted: u64| SearchError::DiskFull {
            collection: self.name.clone(),
            reason: in_words(free, wanted, self.reserve_bytes),
        };
        let fits = fitting(free.checked_sub(self.reserve_bytes), &wanted);
        fits.into_iter()
            .zip(wanted)
            .map(|(fits, wanted)| if fits { Ok(()) } else { Err(refused(wanted)) })
            .collect()
    }
}

/// Why so many bytes more might find no room on a folder's disk beside the reserve; nothing where they do.
pub(crate) fn lacking(folder: &Path, wanted: u64, reserve: u64) -> Option<String> {
    let free = free_bytes(folder);
    let fits = fitting(free.checked_sub(reserve), &[wanted]) == [true];
    (!fits).then(|| in_words(free, wanted, reserve))
}

fn in_words(free: u64, wanted: u64, reserve: u64) -> String {
    format!(
        "{} MB are free and {} MB wanted, of which {} MB stay free",
        free / 1_000_000,
        wanted.saturating_add(reserve).div_ceil(1_000_000),
        reserve / 1_000_000
    )
}

/// Which wishes are fulfilled, first come, first served; one that is too large leaves its room to those after it.
fn fitting(mut left: Option<u64>, wanted: &[u64]) -> Vec<bool> {
    let fits = |&wanted: &u64| {
        let rest = left.and_then(|left| left.checked_sub(wanted));
        left = rest.or(left);
        wanted == 0 || rest.is_some()
    };
    wanted.iter().map(fits).collect()
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

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn only_those_that_lack_room_are_refused() {
        assert_eq!(fitting(Some(10), &[4, 7, 0, 6, 1]), [true, false, true, true, false]);
        // Below the reserve: deletes alone.
        assert_eq!(fitting(None, &[1, 0, 1]), [false, true, false]);
        assert_eq!(fitting(Some(u64::MAX), &[u64::MAX]), [true]);
    }
}
