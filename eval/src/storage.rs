//! Where results and features are kept: named bytes below a root, written whole or not at all.
//!
//! Names are relative, with `/` between their parts. Knows nothing of what the bytes mean.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::EvalError;

/// A place for named bytes.
#[derive(Debug, Clone)]
pub struct Storage {
    root: PathBuf,
}

impl Storage {
    /// A folder, made when something is first written to it.
    pub fn folder(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The part of this place whose names begin with `prefix`.
    #[must_use]
    pub fn under(&self, prefix: &str) -> Self {
        Self { root: self.root.join(prefix) }
    }

    /// The bytes of that name, if there are any.
    ///
    /// # Errors
    /// When they are there but cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, EvalError> {
        let path = self.root.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(EvalError::io(&path)(e)),
        }
    }

    /// Writes the bytes whole or not at all; older ones of that name are replaced.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), EvalError> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(EvalError::io(folder))?;
        let mut file =
            tempfile::Builder::new().prefix(".part-").tempfile_in(folder).map_err(EvalError::io(folder))?;
        file.write_all(bytes)
            .and_then(|()| readable(file.as_file()))
            .and_then(|()| file.as_file().sync_all())
            .map_err(EvalError::io(&path))?;
        file.persist(&path).map_err(|e| EvalError::io(&path)(e.error))?;
        Ok(())
    }

    /// Every name, sorted.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn list(&self) -> Result<Vec<String>, EvalError> {
        let mut names = Vec::new();
        if self.root.is_dir() {
            walk(&self.root, "", &mut names)?;
        }
        names.sort();
        Ok(names)
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.display().fmt(f)
    }
}

/// Names below `folder`, which is called `prefix`; what a stopped write left is not one.
fn walk(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), EvalError> {
    for item in std::fs::read_dir(folder).map_err(EvalError::io(folder))? {
        let item = item.map_err(EvalError::io(folder))?;
        let name = item.file_name().to_string_lossy().into_owned();
        if name.starts_with(".part-") {
            continue;
        }
        if item.path().is_dir() {
            walk(&item.path(), &format!("{prefix}{name}/"), names)?;
        } else {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// Temporary files are for their owner only; results are for whoever may read their folder.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_file: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_listed_and_leftovers_are_not() {
        let home = tempfile::tempdir().unwrap();
        let storage = Storage::folder(&home.path().join("new"));
        assert!(storage.read("a/b").unwrap().is_none() && storage.list().unwrap().is_empty());
        storage.write("a/b", b"1").unwrap();
        storage.under("a").write("b", b"22").unwrap();
        storage.write("c", b"3").unwrap();
        std::fs::write(home.path().join("new/a/.part-x"), b"half").unwrap();
        assert_eq!(storage.list().unwrap(), ["a/b", "c"]);
        assert_eq!(storage.under("a").list().unwrap(), ["b"]);
        assert_eq!(storage.read("a/b").unwrap().unwrap(), b"22");
        assert!(storage.read("a").unwrap_err().to_string().contains("new/a"));
    }
}
