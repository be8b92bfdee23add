//! What lies in a folder: sorted, hidden names left out, pictures told from other files by their extension.

use std::path::{Path, PathBuf};

use crate::DatasetError;

/// Endings of picture files, in small letters.
pub(crate) const EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];

pub(crate) struct Visible {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
}

/// What a folder holds, hidden names left out, sorted by name so that labels are the same on every machine.
pub(crate) fn visible(folder: &Path) -> Result<Visible, DatasetError> {
    let mut visible = Visible { folders: Vec::new(), files: Vec::new() };
    for item in std::fs::read_dir(folder).map_err(DatasetError::io(folder))? {
        let item = item.map_err(DatasetError::io(folder))?;
        if item.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = item.path();
        if path.is_dir() {
            visible.folders.push(path);
        } else {
            visible.files.push(path);
        }
    }
    visible.folders.sort();
    visible.files.sort();
    Ok(visible)
}

/// The last part of a folder's path, which names a class.
pub(crate) fn class_name(path: &Path) -> Result<String, DatasetError> {
    path.file_name().and_then(|name| name.to_str()).map(str::to_owned).ok_or_else(|| {
        DatasetError::layout(path, "the folder's name is not UTF-8", "a class name in UTF-8", "rename it")
    })
}

pub(crate) fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

/// The pictures directly in `folder`, as paths below `root`; none, where there is no such folder.
pub(crate) fn pictures_in(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let files = visible(folder)?.files.into_iter().filter(|path| is_picture(path));
    Ok(files.map(|path| path.strip_prefix(root).map(Path::to_path_buf).unwrap_or(path)).collect())
}

/// Every picture at most `depth` folders below `folder`, as paths below `root`.
pub(crate) fn pictures_below(root: &Path, folder: &Path, depth: usize) -> Result<Vec<PathBuf>, DatasetError> {
    let mut pictures = pictures_in(root, folder)?;
    if depth > 0 && folder.is_dir() {
        for inner in visible(folder)?.folders {
            pictures.extend(pictures_below(root, &inner, depth - 1)?);
        }
    }
    Ok(pictures)
}
