//! An artefact's files on the disk, all of them or none.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{ArtefactError, CARD, ENCODER, io_at};
use crate::files;

/// The encoder's file, if it is the one that was expected.
pub(super) fn read_encoder(path: &Path, expected: &str) -> Result<Vec<u8>, ArtefactError> {
    let bytes = fs::read(path).map_err(io_at(path))?;
    let found = checksum(&bytes);
    if found == expected {
        return Ok(bytes);
    }
    Err(ArtefactError::Checksum { path: path.to_path_buf(), found, expected: expected.to_owned() })
}

pub(super) fn checksum(bytes: &[u8]) -> String {
    files::hexadecimal(&Sha256::digest(bytes))
}

/// Makes the folder beside its place and moves it there once everything is on the disk.
pub(super) fn write_folder(folder: &Path, encoder: &[u8], card: &str) -> std::io::Result<()> {
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let beside = parent.join(format!(".{name}.{}.tmp", std::process::id()));
    let _ = fs::remove_dir_all(&beside);
    let write = || {
        fs::create_dir(&beside)?;
        files::write_synced(&beside.join(ENCODER), encoder)?;
        files::write_synced(&beside.join(CARD), card.as_bytes())?;
        files::sync_folder(&beside)?;
        fs::rename(&beside, folder)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_dir_all(&beside);
    })?;
    files::sync_folder(parent)
}
