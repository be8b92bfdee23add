//! The folder of a collection's segments and its manifest: which files are in use, changed in one rename.
//!
//! A file the manifest does not name is what a crash left, and is removed. Whatever cannot be read is reported and
//! removed too: the records it held are still in the truth.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Segment, Unusable};
use crate::distance::Kernel;

const MANIFEST: &str = "manifest";
const ASIDE: &str = "manifest.new";
const SUFFIX: &str = ".segment";

/// What was found in a folder.
pub(crate) struct Opened {
    pub(crate) segments: Vec<Segment>,
    /// What was wrong with others, in words.
    pub(crate) damage: Vec<String>,
    /// How many an earlier version of this program has written.
    pub(crate) outdated: usize,
}

/// Where one collection's segments lie.
#[derive(Debug)]
pub(crate) struct SegmentFolder {
    path: PathBuf,
}

impl SegmentFolder {
    /// Names the folder; nothing is made before there is something to put there.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Opens every segment in use, and says what was wrong with those that could not be.
    pub(crate) fn open(&self, dimension: usize, kernel: Kernel) -> Opened {
        let (mut segments, mut damage, mut outdated) = (Vec::new(), Vec::new(), 0);
        let files = self.files();
        let named = match fs::read_to_string(self.path.join(MANIFEST)) {
            Ok(text) => parse(&text).map_err(|reason| format!("the manifest of the segments: {reason}")),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && files.is_empty() => Ok(Vec::new()),
            Err(e) => Err(format!("the manifest of the segments: {e}")),
        };
        for name in named.unwrap_or_else(|reason| {
            damage.push(reason);
            Vec::new()
        }) {
            match Segment::open(&self.path.join(&name), dimension, kernel) {
                Ok(segment) => segments.push(segment),
                Err(Unusable::Outdated) => outdated += 1,
                Err(reason) => damage.push(format!("segment {name}: {reason}")),
            }
        }
        let used = |name: &String| segments.iter().any(|segment| segment.file() == name);
        for name in files.iter().filter(|name| !used(name)) {
            // What cannot be removed now is tried again at the next opening.
            let _ = fs::remove_file(self.path.join(name));
        }
        Opened { segments, damage, outdated }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A path for a new segment, whose name no file has.
    pub(crate) fn new_file(&self) -> std::io::Result<PathBuf> {
        // Not what is above it: a collection that is deleted meanwhile must not come back as an empty folder.
        match fs::create_dir(&self.path) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        let files = self.files();
        let number = |name: &String| name.strip_suffix(SUFFIX)?.parse::<u64>().ok();
        let last = files.iter().filter_map(number).max().unwrap_or(0);
        Ok(self.path.join(format!("{:08}{SUFFIX}", last + 1)))
    }

    /// Makes these segments the ones in use, in one step, and durably.
    pub(crate) fn publish(&self, files: &[String]) -> std::io::Result<()> {
        let aside = self.path.join(ASIDE);
        let mut file = File::create(&aside)?;
        file.write_all(text(files).as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, self.path.join(MANIFEST))?;
        sync(&self.path)?;
        // The folder itself may be as new as its first segment.
        self.path.parent().map_or(Ok(()), sync)
    }

    /// Removes a segment that is no longer in use; who has it mapped keeps it.
    pub(crate) fn remove(&self, file: &str) {
        let _ = fs::remove_file(self.path.join(file));
    }

    fn files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
        names.filter(|name| name.ends_with(SUFFIX)).collect()
    }
}

/// One line of checksum, then a file's name a line.
fn text(files: &[String]) -> String {
    let body: String = files.iter().map(|name| format!("{name}\n")).collect();
    format!("simclr-segments 1 {:08x}\n{body}", crc32fast::hash(body.as_bytes()))
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let (head, body) = text.split_once('\n').ok_or("it is cut off")?;
    let checksum = head.strip_prefix("simclr-segments 1 ").ok_or("it is of another format")?;
    if checksum != format!("{:08x}", crc32fast::hash(body.as_bytes())) {
        return Err("its checksum does not match".to_owned());
    }
    Ok(body.lines().map(str::to_owned).collect())
}

fn sync(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_gone_does_not_come_back() {
        let data = tempfile::tempdir().expect("a folder");
        let collection = data.path().join("deleted");
        let folder = SegmentFolder::new(collection.join("segments"));
        folder.new_file().expect_err("its collection is gone");
        assert!(!collection.exists());
        fs::create_dir(&collection).expect("made");
        for _ in 0..2 {
            assert_eq!(folder.new_file().expect("a name"), collection.join("segments/00000001.segment"));
        }
    }
}
