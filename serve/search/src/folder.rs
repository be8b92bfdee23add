//! Where collections live on disk: one folder each, made aside and renamed in, renamed out and then removed.
//!
//! Names in, paths out; it knows nothing of what the files hold. A crash at any point leaves either the whole
//! collection or none of it. Names beginning with a dot are its own: the lock, and folders half made or half removed.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::pictures::PictureFolder;
use crate::segment::SegmentFolder;
use crate::{Keep, SearchError};

const NAME_BYTES_MAX: usize = 64;
const LOCK: &str = ".lock";
const CREATING: &str = ".creating-";
const REMOVING: &str = ".removing-";
const RECORDS_FILE: &str = "records.redb";
const SEGMENTS: &str = "segments";
const PICTURES: &str = "pictures";

/// The folder of all collections, locked against other processes for as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens `<data>/collections`, creating it if needed, and clears away what a crash left half done.
    pub(crate) fn open(data: &Path) -> Result<Self, SearchError> {
        let root = data.join("collections");
        let failed = |e| SearchError::storage(format!("opening {}", root.display()), e);
        create_durably(&root).map_err(failed)?;
        let lock =
            File::options().create(true).truncate(false).write(true).open(root.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SearchError::InUse { folder: root }),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        for name in entries(&root)?.filter(|name| name.starts_with(CREATING) || name.starts_with(REMOVING)) {
            remove_any(&root.join(name)).map_err(failed)?;
        }
        Ok(Self { root, _lock: lock })
    }

    /// The names of everything in it that is not its own, in order.
    pub(crate) fn names(&self) -> Result<Vec<String>, SearchError> {
        let mut names: Vec<String> = entries(&self.root)?.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        Ok(names)
    }

    /// Whether there is a collection, whole or damaged, of this name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.root.join(name).exists()
    }

    /// The file that holds a collection's records.
    pub(crate) fn records_file(&self, name: &str) -> PathBuf {
        self.root.join(name).join(RECORDS_FILE)
    }

    /// The folder that holds a collection's segments.
    pub(crate) fn segments(&self, name: &str) -> SegmentFolder {
        SegmentFolder::new(self.root.join(name).join(SEGMENTS))
    }

    /// The folder that holds a collection's pictures.
    pub(crate) fn pictures(&self, name: &str, keep: Keep) -> PictureFolder {
        PictureFolder::new(self.root.join(name).join(PICTURES), keep)
    }

    /// Has `make` write a new collection's records file, and puts its folder in place once it is complete.
    pub(crate) fn create<T>(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> Result<T, SearchError>,
    ) -> Result<T, SearchError> {
        let (aside, place) = (self.root.join(format!("{CREATING}{name}")), self.root.join(name));
        let failed = |e| SearchError::storage(format!("creating {}", place.display()), e);
        if aside.exists() {
            remove_any(&aside).map_err(failed)?;
        }
        fs::create_dir(&aside).map_err(failed)?;
        let made = make(&aside.join(RECORDS_FILE)).and_then(|made| {
            sync_folder(&aside).map_err(failed)?;
            fs::rename(&aside, &place).map_err(failed)?;
            sync_folder(&self.root).map_err(failed)?;
            Ok(made)
        });
        if made.is_err() {
            // What cannot be removed now is removed at the next opening.
            let _ = remove_any(&aside);
        }
        made
    }

    /// Takes a collection's folder out of sight in one step, then removes it.
    pub(crate) fn remove(&self, name: &str) -> Result<(), SearchError> {
        let (place, aside) = (self.root.join(name), self.aside(name));
        let failed = |e| SearchError::storage(format!("deleting {}", place.display()), e);
        fs::rename(&place, &aside).map_err(failed)?;
        sync_folder(&self.root).map_err(failed)?;
        // The collection is gone already; what cannot be removed now is removed at the next opening.
        let _ = remove_any(&aside);
        Ok(())
    }

    /// Puts the folder of `by` in the place of that of `name`, which is removed once that is done.
    pub(crate) fn replace(&self, name: &str, by: &str) -> Result<(), SearchError> {
        let (place, new, aside) = (self.root.join(name), self.root.join(by), self.aside(name));
        let failed = |e| SearchError::storage(format!("replacing {}", place.display()), e);
        if place.exists() {
            fs::rename(&place, &aside).map_err(failed)?;
        }
        if let Err(error) = fs::rename(&new, &place) {
            // Back again; where not even that works, the new one has its own name still.
            let _ = fs::rename(&aside, &place);
            return Err(failed(error));
        }
        sync_folder(&self.root).map_err(failed)?;
        let _ = remove_any(&aside);
        Ok(())
    }

    /// Where a folder waits to be removed.
    fn aside(&self, name: &str) -> PathBuf {
        let aside =
            (0u32..).map(|n| self.root.join(format!("{REMOVING}{name}-{n}"))).find(|path| !path.exists());
        aside.unwrap_or_else(|| self.root.join(REMOVING))
    }
}

/// Checks that a name is safe as a folder's name on any system.
pub(crate) fn check_name(name: &str) -> Result<(), SearchError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > NAME_BYTES_MAX {
        "it is longer than 64 characters"
    } else if !name.chars().all(allowed) {
        "only letters, digits, '-', '_' and '.' are allowed"
    } else if name.starts_with('.') || name.ends_with('.') {
        "it begins or ends with a dot"
    } else {
        return Ok(());
    };
    Err(SearchError::BadName { name: name.chars().take(NAME_BYTES_MAX).collect(), reason })
}

fn entries(root: &Path) -> Result<impl Iterator<Item = String> + use<>, SearchError> {
    let failed = |e| SearchError::storage(format!("listing {}", root.display()), e);
    let entries = fs::read_dir(root).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    Ok(entries.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned()))
}

/// Makes a folder and those above it that are not there yet; a folder is durable once the one that it was made in is.
fn create_durably(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_durably(above)?;
    match fs::create_dir(folder) {
        Err(e) if !folder.is_dir() => return Err(e),
        _ => {}
    }
    sync_folder(above)
}

fn remove_any(path: &Path) -> std::io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// A rename is durable once the folder it happened in is.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
