//! Keeps the folder of kept features and stages within its limit: what was not used for longest goes first.
//!
//! Everything in it can be computed again and comes out the same. Knows what lies two folders deep, not what it means.

use std::fs::{Metadata, read_dir};
use std::io::Result;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Deletes until at most `bytes_max` bytes are left; how many were deleted comes back. Nobody may be using it meanwhile.
pub(super) fn keep_within(folder: &Path, bytes_max: u64) -> Result<u64> {
    if !folder.is_dir() {
        return Ok(0);
    }
    let mut entries = Vec::new();
    for kind in folders(folder)? {
        for entry in folders(&kind)? {
            let (used, bytes) = measure(&entry)?;
            entries.push((used, bytes, entry));
        }
    }
    entries.sort();
    let mut left: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
    let before = left;
    for (_, bytes, entry) in entries {
        if left <= bytes_max {
            break;
        }
        std::fs::remove_dir_all(entry)?;
        left -= bytes;
    }
    Ok(before - left)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = read_dir(folder)?.map(|item| item.map(|item| item.path()));
    Ok(paths.collect::<Result<Vec<_>>>()?.into_iter().filter(|path| path.is_dir()).collect())
}

/// When anything in a folder was last written or read, and its bytes. Where a disk notes no reading, writing counts.
fn measure(folder: &Path) -> Result<(SystemTime, u64)> {
    let (mut used, mut bytes) = (SystemTime::UNIX_EPOCH, 0);
    for item in read_dir(folder)? {
        let item = item?;
        let metadata = item.metadata()?;
        let (inner, size) = match metadata.is_dir() {
            true => measure(&item.path())?,
            false => (last_use(&metadata)?, metadata.len()),
        };
        (used, bytes) = (used.max(inner), bytes + size);
    }
    Ok((used, bytes))
}

fn last_use(metadata: &Metadata) -> Result<SystemTime> {
    let written = metadata.modified()?;
    Ok(metadata.accessed().map_or(written, |read| read.max(written)))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let home = tempfile::tempdir().unwrap();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let write = |name: &str, bytes: usize, written: u64, read: u64| {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, vec![0; bytes]).unwrap();
            let times = FileTimes::new().set_modified(at(written)).set_accessed(at(read));
            File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        };
        write("features/a/0-9.safetensors", 100, 1000, 1000);
        write("features/b/0-9.safetensors", 100, 1000, 9000);
        write("stages/c/fit.json", 50, 2000, 2000);
        write("stages/c/path.json", 50, 3000, 3000);
        write("stages/d/fit.json", 100, 500, 2500);
        let there = || {
            let all = ["features/a", "features/b", "stages/c", "stages/d"];
            all.into_iter().filter(|name| home.path().join(name).exists()).collect::<Vec<_>>()
        };
        assert_eq!(keep_within(home.path(), 400).unwrap(), 0);
        assert_eq!(keep_within(home.path(), 399).unwrap(), 100);
        assert_eq!(there(), ["features/b", "stages/c", "stages/d"]);
        assert_eq!(keep_within(home.path(), 250).unwrap(), 100);
        assert_eq!(there(), ["features/b", "stages/c"]);
        assert_eq!(keep_within(home.path(), 0).unwrap(), 200);
        assert!(there().is_empty());
        assert_eq!(keep_within(&home.path().join("missing"), 0).unwrap(), 0);
    }
}
