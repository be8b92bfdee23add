//! Named bytes as files below a folder, which is made when something is first written to it.

use std::io::Write as _;
use std::path::Path;

use crate::EvalError;

/// How the name of an unfinished file begins.
const UNFINISHED: &str = ".part-";

pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, EvalError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(EvalError::io(path)(e)),
    }
}

/// Writes the file whole or not at all: beside its place, synced, renamed.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), EvalError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(EvalError::io(folder))?;
    let mut file =
        tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).map_err(EvalError::io(folder))?;
    file.write_all(bytes)
        .and_then(|()| readable(file.as_file()))
        .and_then(|()| file.as_file().sync_all())
        .map_err(EvalError::io(path))?;
    file.persist(path).map_err(|e| EvalError::io(path)(e.error))?;
    Ok(())
}

pub(super) fn list(root: &Path) -> Result<Vec<String>, EvalError> {
    let mut names = Vec::new();
    if root.is_dir() {
        walk(root, "", &mut names)?;
    }
    names.sort();
    Ok(names)
}

/// Names below `folder`, which is called `prefix`; what a stopped write left is not one.
fn walk(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), EvalError> {
    for item in std::fs::read_dir(folder).map_err(EvalError::io(folder))? {
        let item = item.map_err(EvalError::io(folder))?;
        let name = item.file_name().to_string_lossy().into_owned();
        if name.starts_with(UNFINISHED) {
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
