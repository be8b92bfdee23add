//! One process a run: whoever trains holds a lock on a file of the folder, which the system takes back however the process
//! ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use crate::TrainError;

/// A run's folder, held by this process until this is dropped.
#[derive(Debug)]
#[must_use = "the folder is held as long as this is kept"]
pub struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(run: &Path) -> Result<Self, TrainError> {
        let path = run.join("lock");
        let io = |source| TrainError::Io { path: path.clone(), source };
        fs::create_dir_all(run).map_err(io)?;
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(io)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(TrainError::InUse { run: run.to_path_buf(), holder: holder.trim().to_owned() });
            }
            // Some file systems have no locks; that must not keep anybody from training there.
            Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
                return Err(io(error));
            }
            _ => (),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(io)?;
        Ok(Self { _file: file })
    }
}
