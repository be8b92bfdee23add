//! Where a dataset lies near the folder that someone gave, and which dataset a folder looks like.

use std::path::{Path, PathBuf};

use crate::{CATALOG, DatasetError, Entry};

/// The folder that the reader expects: `root`, or the official folder in it.
///
/// # Errors
/// When it is not there; the message says which dataset is, and where this one may be.
pub(crate) fn locate(entry: &Entry, root: &Path) -> Result<PathBuf, DatasetError> {
    if !root.is_dir() {
        let problem = if root.exists() { "is a file, not a folder" } else { "does not exist" };
        return Err(DatasetError::layout(
            root,
            problem,
            entry.layout,
            "give the folder that holds the dataset",
        ));
    }
    if entry.signs.is_empty() {
        return Ok(root.to_path_buf());
    }
    if let Some(found) = found_in(entry, root) {
        return Ok(found);
    }
    let first = entry.signs.iter().map(|sign| sign.trim_end_matches('/')).collect::<Vec<_>>().join(", ");
    let problem = format!("the folder has none of {first}");
    Err(DatasetError::layout(root, problem, entry.layout, &advice(entry, root)))
}

fn advice(entry: &Entry, root: &Path) -> String {
    if let Some(near) = nearby(root).into_iter().find_map(|folder| found_in(entry, &folder)) {
        return format!("give {} instead: {} is there", near.display(), entry.title);
    }
    match recognise(root) {
        Some((other, at)) if at == root => {
            format!("this looks like {}: use {}={}", other.title, other.name, root.display())
        }
        Some((other, at)) => {
            format!("{} looks like {}; give the folder that holds {}", at.display(), other.title, entry.title)
        }
        None => {
            let holds: Vec<String> = std::fs::read_dir(root)
                .map(|items| {
                    items.flatten().map(|item| item.file_name().to_string_lossy().into_owned()).collect()
                })
                .unwrap_or_default();
            let holds = if holds.is_empty() { "nothing".to_owned() } else { some_of(holds) };
            format!("unpack {} and give that folder; this one holds {holds}", entry.archive)
        }
    }
}

fn some_of(mut names: Vec<String>) -> String {
    names.sort();
    let more = names.len().saturating_sub(5);
    names.truncate(5);
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

/// The dataset that a folder, or one near it, holds.
pub fn recognise(root: &Path) -> Option<(&'static Entry, PathBuf)> {
    let folders = std::iter::once(root.to_path_buf()).chain(nearby(root));
    folders.into_iter().find_map(|folder| {
        CATALOG.iter().find(|entry| found_in(entry, &folder).is_some()).map(|entry| (entry, folder.clone()))
    })
}

/// The folders in it, then those it is in, two up.
fn nearby(root: &Path) -> Vec<PathBuf> {
    let inside = crate::files::visible(root).map(|visible| visible.folders).unwrap_or_default();
    let absolute = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let above = absolute.ancestors().skip(1).take(2).map(Path::to_path_buf);
    inside.into_iter().chain(above).collect()
}

fn found_in(entry: &Entry, root: &Path) -> Option<PathBuf> {
    let folders =
        std::iter::once(root.to_path_buf()).chain(entry.folders.iter().map(|folder| root.join(folder)));
    folders.into_iter().find(|folder| entry.signs.iter().any(|sign| has(folder, sign)))
}

fn has(folder: &Path, sign: &str) -> bool {
    let path = folder.join(sign);
    if sign.ends_with('/') { path.is_dir() } else { path.is_file() }
}
