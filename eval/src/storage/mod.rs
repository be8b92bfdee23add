//! Where results and features are kept: named bytes below a root, written whole or not at all.
//!
//! The root is a folder or, with the feature `object-store`, a prefix in a bucket. Names are relative, with `/` between
//! their parts. Knows nothing of what the bytes mean.

#[cfg(feature = "object-store")]
mod bucket;
mod folder;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::EvalError;

pub(crate) use folder::write as write_file;

/// A place for named bytes.
#[derive(Debug, Clone)]
pub struct Storage {
    root: Root,
}

#[derive(Debug, Clone)]
enum Root {
    Folder(PathBuf),
    #[cfg(feature = "object-store")]
    Bucket(bucket::Bucket),
}

impl Storage {
    /// A folder, made when something is first written to it.
    pub fn folder(root: &Path) -> Self {
        Self { root: Root::Folder(root.to_path_buf()) }
    }

    /// The bucket and prefix of `s3://bucket/prefix`; `settings` are pairs such as `AWS_ENDPOINT_URL` and its value, of which
    /// those that object stores do not know are ignored.
    ///
    /// # Errors
    /// When the address or a setting is not understood.
    #[cfg(feature = "object-store")]
    pub fn bucket(
        url: &str,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, EvalError> {
        Ok(Self { root: Root::Bucket(bucket::Bucket::open(url, settings)?) })
    }

    /// The part of this place whose names begin with `prefix` and `/`.
    #[must_use]
    pub fn under(&self, prefix: &str) -> Self {
        let root = match &self.root {
            Root::Folder(root) => Root::Folder(root.join(prefix)),
            #[cfg(feature = "object-store")]
            Root::Bucket(bucket) => Root::Bucket(bucket.under(prefix)),
        };
        Self { root }
    }

    /// The bytes of that name, if there are any.
    ///
    /// # Errors
    /// When they are there but cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, EvalError> {
        match &self.root {
            Root::Folder(root) => folder::read(&root.join(name)),
            #[cfg(feature = "object-store")]
            Root::Bucket(bucket) => bucket.read(name),
        }
    }

    /// Writes the bytes whole or not at all; older ones of that name are replaced.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), EvalError> {
        match &self.root {
            Root::Folder(root) => folder::write(&root.join(name), bytes),
            #[cfg(feature = "object-store")]
            Root::Bucket(bucket) => bucket.write(name, bytes),
        }
    }

    /// Every name, sorted.
    ///
    /// # Errors
    /// When the place cannot be listed.
    pub fn list(&self) -> Result<Vec<String>, EvalError> {
        match &self.root {
            Root::Folder(root) => folder::list(root),
            #[cfg(feature = "object-store")]
            Root::Bucket(bucket) => bucket.list(),
        }
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Folder(root) => root.display().fmt(f),
            #[cfg(feature = "object-store")]
            Root::Bucket(bucket) => bucket.fmt(f),
        }
    }
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
