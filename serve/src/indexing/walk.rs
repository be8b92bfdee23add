//! The pictures below a folder, in the order of their paths: hidden names left out, pictures told from other files by their ending.
//!
//! Links are followed. A folder that is reached twice is walked once, under its own name where it has one here, so no loop of
//! links is without end. Opens no picture.

use std::collections::{BTreeSet, HashSet};
use std::fs::{DirEntry, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

/// Endings of files that the decoder may read, in small letters.
const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];

/// A file that may be a picture.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct File {
    /// Its path below the folder, with `/` between its parts.
    pub(super) id: String,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// What lies below a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Sorted by id.
    pub(super) files: Vec<File>,
    /// Folders that could not be read and pictures that cannot have an id, each with the reason.
    pub(super) unreadable: Vec<(String, String)>,
}

struct Walk<'a> {
    root: &'a Path,
    id_bytes_max: usize,
    /// Real places of the folders walked.
    walked: HashSet<PathBuf>,
    /// Links to folders, which wait until every folder was reached that can be without them.
    links: BTreeSet<PathBuf>,
    found: Found,
}

/// Walks a folder.
///
/// # Errors
/// When the folder itself cannot be read.
pub(super) fn pictures(root: &Path, id_bytes_max: usize) -> io::Result<Found> {
    std::fs::read_dir(root)?;
    let (walked, links, found) = (HashSet::new(), BTreeSet::new(), Found::default());
    let mut walk = Walk { root, id_bytes_max, walked, links, found };
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop().or_else(|| walk.links.pop_first()) {
        match walk.folder(&folder) {
            Ok(inner) => folders.extend(inner),
            Err(error) => walk.unreadable(&folder, error.to_string()),
        }
    }
    walk.found.files.sort_unstable();
    walk.found.unreadable.sort_unstable();
    Ok(walk.found)
}

impl Walk<'_> {
    /// Takes in a folder's files; the folders in it come back.
    fn folder(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut inner = Vec::new();
        if !self.walked.insert(folder.canonicalize()?) {
            return Ok(inner);
        }
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            match kind(&entry) {
                _ if entry.file_name().as_encoded_bytes().starts_with(b".") => {}
                Ok((about, true)) if about.is_dir() => _ = self.links.insert(path),
                Ok((about, false)) if about.is_dir() => inner.push(path),
                Ok((about, _)) if about.is_file() && is_picture(&path) => self.file(path, about.len()),
                Err(error) if is_picture(&path) => self.unreadable(&path, error.to_string()),
                _ => {}
            }
        }
        Ok(inner)
    }

    fn file(&mut self, path: PathBuf, bytes: u64) {
        match self.id(&path) {
            Ok(id) => self.found.files.push(File { id, path, bytes }),
            Err(reason) => self.unreadable(&path, reason),
        }
    }

    /// The path below the folder, as an id that a collection takes.
    fn id(&self, path: &Path) -> Result<String, String> {
        let below = path.strip_prefix(self.root).unwrap_or(path).components();
        let parts = below.filter(|part| matches!(part, Component::Normal(_)));
        let parts: Option<Vec<&str>> = parts.map(|part| part.as_os_str().to_str()).collect();
        let id = parts.ok_or("its path is not UTF-8, so it cannot be an id; rename it")?.join("/");
        if id.len() > self.id_bytes_max {
            let (found, most) = (id.len(), self.id_bytes_max);
            return Err(format!("its path has {found} bytes, and an id at most {most}; shorten it"));
        }
        if id.chars().any(char::is_control) {
            return Err("its path has control characters, which an id must not have; rename it".to_owned());
        }
        Ok(id)
    }

    fn unreadable(&mut self, path: &Path, reason: String) {
        let below = path.strip_prefix(self.root).unwrap_or(path);
        self.found.unreadable.push((below.display().to_string(), reason));
    }
}

/// What an entry is, at the end of its links, and whether there are any.
fn kind(entry: &DirEntry) -> io::Result<(Metadata, bool)> {
    let is_link = entry.file_type()?.is_symlink();
    Ok((std::fs::metadata(entry.path())?, is_link))
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn loops_of_links_end_and_each_folder_is_walked_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        create_dir_all(at("real/deep")).unwrap();
        create_dir_all(at(".hidden")).unwrap();
        for name in ["b.JPG", "a.png", "real/deep/c.webp", ".hidden/no.png", ".no.png", "notes.txt"] {
            write(at(name), name).unwrap();
        }
        let outside = tempfile::tempdir().unwrap();
        write(outside.path().join("o.gif"), "o").unwrap();
        symlink(folder.path(), at("real/loop")).unwrap();
        symlink(at("real"), at("another")).unwrap();
        symlink(outside.path(), at("out")).unwrap();
        symlink(outside.path(), at("out-again")).unwrap();
        symlink(at("a.png"), at("link.png")).unwrap();
        symlink(at("nowhere"), at("dangling.png")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        let found = pictures(folder.path(), 256).unwrap();
        let ids: Vec<&str> = found.files.iter().map(|file| file.id.as_str()).collect();
        assert_eq!(ids, ["a.png", "b.JPG", "link.png", "out/o.gif", "real/deep/c.webp"]);
        assert_eq!((found.files[0].bytes, found.files[3].bytes), (5, 1));
        assert_eq!(found.unreadable.len(), 1);
        assert_eq!(found.unreadable[0].0, "dangling.png");
        assert!(pictures(&at("nowhere"), 256).is_err());
    }

    #[test]
    fn a_path_that_cannot_be_an_id_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["long-enough.png", "a\nb.png", "ok.png"] {
            write(folder.path().join(name), "").unwrap();
        }
        let found = pictures(folder.path(), 10).unwrap();
        assert_eq!(found.files.len(), 1);
        let reasons: Vec<&str> = found.unreadable.iter().map(|(_, reason)| reason.as_str()).collect();
        assert!(reasons[0].contains("control") && reasons[1].contains("15 bytes"), "{reasons:?}");
    }
}
